import { newId } from '../crypto/uuid.ts';
import { findKnown, type ImportOutcome } from './idempotency-keys.ts';
import type { ImportForm } from './import-form.ts';
import { type InsertedImport, insertStatement } from './import-values-statement.ts';
import { isForeignKeyViolation, isLockedOn, isUniqueViolation } from './postgres/errors.ts';
import type { HotStatements } from './postgres/hot.ts';

const IN_USE = `provider.organization_id = ANY ($1::uuid[]) AND provider.provider_id = ANY ($2::text[])
  AND provider.deleting_at IS NULL`;

const PROVIDERS = `
SELECT provider.organization_id AS "organizationId", provider.provider_id AS "providerId", NULL AS "userId", 0 AS tokens
FROM oauth_providers AS provider
WHERE ${IN_USE}`;

/** Reads index entries only, and of each user no more than a user may have. A provider without tokens has a row too. */
const PROVIDERS_AND_TOKENS = `
SELECT provider.organization_id AS "organizationId", provider.provider_id AS "providerId",
  token.user_id AS "userId", count(token.id)::integer AS tokens
FROM oauth_providers AS provider
LEFT JOIN oauth_tokens AS token ON token.organization_id = provider.organization_id
  AND token.provider_id = provider.provider_id AND token.user_id = ANY ($3::text[])
  AND token.organization_id = ANY ($1::uuid[])
WHERE ${IN_USE}
GROUP BY 1, 2, 3`;

interface Found {
  readonly organizationId: string;
  readonly providerId: string;
  readonly userId: string | null;
  readonly tokens: number;
}

/** About the bytes of a row without its texts of any length. */
const ROW_BYTES = 1024;

const keyOf = (...names: readonly string[]): string => JSON.stringify(names);
const distinct = (names: readonly string[]): readonly string[] => [...new Set(names)];

/**
 * Imports as statements that Citus sends to the shards of their organizations only: a look at providers and limits, then an
 * INSERT of VALUES. A provider that is deleted in between violates a foreign key, and an idempotency key that is used in
 * between a unique one: then nothing is stored.
 * @param tokensMax how many a user may have of a provider; 0: any number
 */
export function importsAsValues(hot: HotStatements, tokensMax: number): ImportForm<InsertedImport> {
  /** Why a row is not stored; undefined: it may be. */
  async function judge(
    rows: readonly InsertedImport[],
  ): Promise<(row: InsertedImport) => ImportOutcome | undefined> {
    const tokens = rows.map(({ token }) => token);
    const owners = [
      distinct(tokens.map(({ organizationId }) => organizationId)),
      distinct(tokens.map(({ providerId }) => providerId)),
    ];
    const found = await (tokensMax === 0
      ? hot.query<Found>({ name: 'import.providers', text: PROVIDERS, values: owners })
      : hot.query<Found>({
          name: 'import.look',
          text: PROVIDERS_AND_TOKENS,
          values: [...owners, distinct(tokens.map(({ userId }) => userId))],
        }));
    const providers = new Set(
      found.map(({ organizationId, providerId }) => keyOf(organizationId, providerId)),
    );
    const full = new Set(
      found
        .filter((row) => tokensMax > 0 && row.tokens >= tokensMax)
        .map((row) => keyOf(row.organizationId, row.providerId, row.userId ?? '')),
    );
    return ({ token: { organizationId, providerId, userId } }) => {
      if (!providers.has(keyOf(organizationId, providerId))) return { outcome: 'no-provider' };
      return full.has(keyOf(organizationId, providerId, userId)) ? { outcome: 'full' } : undefined;
    };
  }

  async function send(rows: readonly InsertedImport[], isApart: boolean): Promise<ImportOutcome[]> {
    const known = await findKnown(
      hot,
      rows.flatMap(({ token: { organizationId }, repeating }) =>
        repeating === undefined ? [] : [{ organizationId, ...repeating }],
      ),
    );
    const judged = await judge(rows);
    const outcomes = rows.map((row): ImportOutcome | undefined => {
      const earlier = row.repeating && known(row.token.organizationId, row.repeating);
      return earlier ?? judged(row);
    });
    const given = rows.filter((_, index) => outcomes[index] === undefined);
    try {
      if (given.length > 0) {
        await hot.query({ name: 'import.store', isPrepared: false, ...insertStatement(given, isApart) });
      }
    } catch (error) {
      if (rows.length === 1 && isForeignKeyViolation(error)) return [{ outcome: 'no-provider' }];
      const isTooSoon = isUniqueViolation(error) || isLockedOn(error, 'idempotency_keys');
      if (rows.length === 1 && isTooSoon) return [{ outcome: 'too-soon' }];
      throw error;
    }
    return outcomes.map((outcome) => outcome ?? { outcome: 'stored' });
  }

  return {
    send,
    itemOf: (given) => ({
      ...given,
      auditId: newId(),
      metadata: given.token.metadata && JSON.stringify(given.token.metadata),
    }),
    tenantOf: ({ token }) => token.organizationId,
    sizeOf: ({ token: { accessToken, refreshToken, scopes }, metadata }) =>
      ROW_BYTES +
      accessToken.ciphertext.length +
      (refreshToken?.ciphertext.length ?? 0) +
      scopes.join().length +
      (metadata?.length ?? 0),
  };
}
