import { isProviderUrl } from './provider.ts';

/** Whether a URL is a provider's, and its host matches one of the patterns of a catalogue entry (`match`). */
export function matchesHosts(text: string, patterns: readonly string[]): boolean {
  if (!isProviderUrl(text)) return false;
  const { host } = new URL(text);
  return patterns.some((pattern) =>
    pattern.startsWith('*.') ? host.endsWith(pattern.slice(1)) : host === pattern,
  );
}
