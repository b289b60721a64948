import { isProviderUrl } from './provider.ts';

/** Whether a URL is valid for a provider, and its host matches a pattern of a catalogue entry (`match`). */
export function matchesHosts(text: string, patterns: readonly string[]): boolean {
  if (!isProviderUrl(text)) return false;
  const { host } = new URL(text);
  return patterns.some((pattern) =>
    pattern.startsWith('*.') ? host.endsWith(pattern.slice(1)) : host === pattern,
  );
}
