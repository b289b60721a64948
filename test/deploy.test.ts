/** The files of `deploy/` fit the service. */
import { readFileSync } from 'node:fs';
import { expect, it } from '@jest/globals';
import { parse, parseAllDocuments } from 'yaml';
import { isHealthPath } from '../server/health.ts';
import { createExpiryHints } from '../server/likely-mistakes.ts';
import { createLogger } from '../server/log.ts';
import { createMetrics, showBuild } from '../server/metrics.ts';

const file = (name: string): string => readFileSync(new URL(`../deploy/${name}`, import.meta.url), 'utf8');

/** The names of the service's metrics. */
async function metricNames(): Promise<readonly string[]> {
  const metrics = createMetrics({
    grants: async () => ({ states: {}, dying: 0, oldestLeaseSeconds: null }),
    waiters: () => 0,
    pool: () => ({ used: 0, free: 0, waiting: 0 }),
    keys: async () => [],
  });
  showBuild(metrics, '0.0.0');
  createExpiryHints({ log: createLogger('silent'), metrics });
  return (await metrics.registry.getMetricsAsJSON()).map(({ name }) => name);
}

/** The metrics that expressions of PromQL ask for, as far as the service has none of the name. */
async function unknown(expressions: readonly string[]): Promise<readonly string[]> {
  const known = await metricNames();
  const asked = expressions.flatMap((expr) => expr.match(/\b(?:tokenhold|nodejs|process)_\w+/g) ?? []);
  expect(asked.length).toBeGreaterThan(5);
  return asked.map((name) => name.replace(/_(?:bucket|count)$/, '')).filter((name) => !known.includes(name));
}

it('the alert rules ask for metrics that there are', async () => {
  const { groups }: { groups: { rules: { expr: string }[] }[] } = parse(file('prometheus/alerts.yaml'));
  const expressions = groups.flatMap(({ rules }) => rules.map(({ expr }) => expr));
  expect(await unknown(expressions)).toEqual([]);
});

it('the dashboard asks for metrics that there are', async () => {
  const { panels }: { panels: { targets: { expr: string }[] }[] } = JSON.parse(
    file('grafana/tokenhold.json'),
  );
  expect(await unknown(panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)))).toEqual([]);
});

it('the Kubernetes manifests name ports and paths that there are', () => {
  const text = file('kubernetes/tokenhold.yaml');
  const [deployment, service, budget] = parseAllDocuments(text).map((document) => document.toJSON());
  const [container] = deployment.spec.template.spec.containers;
  const ports = container.ports.map(({ name }: { name: string }) => name);
  for (const probe of ['startupProbe', 'livenessProbe', 'readinessProbe']) {
    expect(ports).toContain(container[probe].httpGet.port);
    expect(isHealthPath(container[probe].httpGet.path)).toBe(true);
  }
  expect(ports).toContain(service.spec.ports[0].targetPort);
  const { labels } = deployment.spec.template.metadata;
  expect(service.spec.selector).toEqual(labels);
  expect(budget.spec.selector.matchLabels).toEqual(labels);
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
