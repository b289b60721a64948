/** One attack in a process of its own: its name, then the target as JSON. */
import { attacks, type Target } from './attacks.ts';

const [, , name = '', target = '{}'] = process.argv;
const attack = Object.entries(attacks).find(([known]) => known === name)?.[1];
const given: Target = JSON.parse(target);
process.once('disconnect', () => process.exit());
process.send?.('started');
await attack?.(given);
