/** The files of `deploy/` fit the service. */
import { readFileSync } from 'node:fs';
import { expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { createMetrics, showBuild } from '../server/metrics.ts';

const file = (name: string): string => readFileSync(new URL(`../deploy/${name}`, import.meta.url), 'utf8');

it('the alert rules ask for metrics that there are', async () => {
  const metrics = createMetrics({
    grants: async () => ({ states: {}, dying: 0, oldestLeaseSeconds: null }),
    waiters: () => 0,
    pool: () => ({ used: 0, free: 0, waiting: 0 }),
    keys: async () => [],
  });
  showBuild(metrics, '0.0.0');
  const known = (await metrics.registry.getMetricsAsJSON()).map(({ name }) => name);
  const { groups }: { groups: { rules: { expr: string }[] }[] } = parse(file('prometheus/alerts.yaml'));
  const expressions = groups.flatMap(({ rules }) => rules.map(({ expr }) => expr));
  const asked = expressions.flatMap((expr) => expr.match(/\b(?:tokenhold|nodejs)_\w+/g) ?? []);
  expect(asked.length).toBeGreaterThan(5);
  expect(asked.map((name) => name.replace(/_bucket$/, '')).filter((name) => !known.includes(name))).toEqual(
    [],
  );
});

it('the secrets that the compose file names are kept out of git and of the image', () => {
  const { secrets }: { secrets: Record<string, { file: string }> } = parse(file('compose.yaml'));
  for (const { file: path } of Object.values(secrets)) {
    const name = path.replace('./', 'deploy/');
    for (const ignoring of ['.gitignore', '.dockerignore']) {
      const ignored = readFileSync(new URL(`../${ignoring}`, import.meta.url), 'utf8').split('\n');
      expect(ignored).toContain(name);
    }
  }
});
