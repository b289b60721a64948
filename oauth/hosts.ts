import type { CatalogueEntry } from './catalogue-entry.ts';
import { isProviderUrl } from './provider.ts';

/** Whether a URL is valid for a provider, and its host matches a pattern of a catalogue entry (`match`). */
export function matchesHosts(text: string, patterns: readonly string[]): boolean {
  if (!isProviderUrl(text)) return false;
  const { host } = new URL(text);
  return patterns.some((pattern) =>
    pattern.startsWith('*.') ? host.endsWith(pattern.slice(1)) : host === pattern,
  );
}

/**
 * The origin of the token endpoint that the callback of a grant named. The token's metadata keep it.
 * Undefined: the metadata have none, or it is not one of the entry's hosts. Then the token URL holds.
 */
export function keptTokenOrigin(
  entry: CatalogueEntry | undefined,
  metadata: Readonly<Record<string, unknown>> | null,
): string | undefined {
  const kept = entry?.tokenOriginParameter === undefined ? undefined : metadata?.[entry.tokenOriginParameter];
  return typeof kept === 'string' && matchesHosts(kept, entry?.match ?? [])
    ? new URL(kept).origin
    : undefined;
}
