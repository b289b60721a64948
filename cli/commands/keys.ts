import { SingleBar } from 'cli-progress';
import { Command } from 'commander';
import { type KeyCount, nameOf } from '../../db/ciphertexts.ts';
import type { Vault } from '../../service/repositories.ts';
import { rotate } from '../../vault/rotate.ts';
import { withVault } from '../command.ts';

/** The state of a key in the ring: `first` seals, `other` still opens, `missing` is not there. */
function described({ keyRing }: Vault, { of, key, rows }: KeyCount) {
  const [first] = keyRing.fingerprints();
  const state = key === first ? 'first' : keyRing.fingerprints().includes(key) ? 'other' : 'missing';
  return { column: nameOf(of), key: key === '' ? null : key, state: key === '' ? 'unknown' : state, rows };
}

const status = new Command('status').description('how many ciphertexts each key protects, by column');
withVault(status, async (vault) => (await vault.ciphertexts.count()).map((count) => described(vault, count)));

/** Shows the progress: a bar on a terminal, otherwise a JSON line each second. On stderr, since stdout is for the result. */
function progress(total: number) {
  const start = performance.now();
  const perSecond = (rotated: number) => Math.round(rotated / ((performance.now() - start) / 1000));
  if (process.stderr.isTTY) {
    const bar = new SingleBar({ format: '{bar} {value} of {total} | {rate}/s | {eta_formatted} left' });
    bar.start(total, 0, { rate: 0 });
    return {
      report: (rotated: number) => bar.update(rotated, { rate: perSecond(rotated) }),
      stop: () => bar.stop(),
    };
  }
  let next = start;
  const report = (rotated: number) => {
    if (performance.now() < next) return;
    next = performance.now() + 1_000;
    const secondsLeft = Math.round((total - rotated) / Math.max(1, perSecond(rotated)));
    const line = { rotated, total, per_second: perSecond(rotated), seconds_left: Math.max(0, secondsLeft) };
    process.stderr.write(`${JSON.stringify(line)}\n`);
  };
  return { report, stop() {} };
}

const SAMPLES = 10;

/** The fingerprints of the keys that still protect something and are not in the ring. */
async function missing({ ciphertexts, keyRing }: Vault): Promise<readonly string[]> {
  const keys = new Set((await ciphertexts.count()).map(({ key }) => key));
  return [...keys].filter((key) => key !== '' && !keyRing.fingerprints().includes(key));
}

const rotateKeys = new Command('rotate').description(
  'seal again, with the first key, what other keys have sealed; may run beside the service, be stopped and repeated',
);
withVault(rotateKeys, async (vault) => {
  const [first = ''] = vault.keyRing.fingerprints();
  const others = async () => {
    const counts = await vault.ciphertexts.count();
    return counts.filter(({ key }) => key !== first).reduce((sum, { rows }) => sum + rows, 0);
  };
  const { report, stop } = progress(await others());
  const { rotated, unreadable } = await rotate(vault, report).finally(stop);
  const left = await others();
  if (left > 0) process.exitCode = 1;
  return {
    key: first,
    rotated,
    left,
    unreadable: unreadable.length,
    missing_keys: await missing(vault),
    samples: unreadable.slice(0, SAMPLES).map(({ column, organizationId, id }) => ({
      column,
      organization_id: organizationId,
      id,
    })),
  };
});

export const command = new Command('keys').addCommand(status).addCommand(rotateKeys);
