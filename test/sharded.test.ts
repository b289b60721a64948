/** The statements for distributed tables, on one PostgreSQL: what holds for the others holds for them. */
import { it } from '@jest/globals';
import { hasOneServer } from './support/postgres.ts';
import { asIfSharded } from './support/vault.ts';

if (hasOneServer('sharded.test.ts', 'there the files that it runs send these statements themselves')) {
  asIfSharded();
  await import('./authenticate.test.ts');
  await import('./import.test.ts');
  await import('./idempotency.test.ts');
} else {
  it.skip('the statements for distributed tables, on one PostgreSQL', () => undefined);
}
