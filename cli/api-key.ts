import type { ApiKey, NewApiKey } from '../db/api-keys.ts';
import { OPERATOR } from '../db/audit.ts';
import { generateApiKey } from '../security/api-key.ts';
import type { Vault } from './vault.ts';

/** Makes an API key. The key itself is nowhere but in the result. */
export async function issueApiKey(
  apiKeys: Vault['apiKeys'],
  owner: Omit<NewApiKey, 'apiKeyId' | 'keyHash'>,
): Promise<ApiKey & { readonly apiKey: string }> {
  for (;;) {
    const { apiKey, apiKeyId, keyHash } = generateApiKey();
    const created = await apiKeys.create({ ...owner, apiKeyId, keyHash }, OPERATOR);
    if (created !== undefined) return { ...created, apiKey };
  }
}
