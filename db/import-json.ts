import { newId } from '../crypto/uuid.ts';
import type { ImportOutcome } from './idempotency-keys.ts';
import type { ImportForm, NewImport } from './import-form.ts';
import { importStatement } from './import-statement.ts';
import { isForeignKeyViolation, isLockedOn } from './postgres/errors.ts';
import type { HotStatements } from './postgres/hot.ts';

/** A token that waits for its statement. */
interface Row {
  readonly organizationId: string;
  readonly id: string;
  readonly json: string;
  readonly isRepeatable: boolean;
}

/** The token as the statement reads it. Each field is named, because spreading the object takes three times as long. */
const json = ({ id, token, by, repeating }: NewImport): string =>
  JSON.stringify({
    organizationId: token.organizationId,
    id,
    userId: token.userId,
    providerId: token.providerId,
    workspaceId: token.workspaceId,
    accessToken: token.accessToken.ciphertext,
    accessTokenKey: token.accessToken.key,
    refreshToken: token.refreshToken?.ciphertext,
    refreshTokenKey: token.refreshToken?.key,
    scopes: token.scopes,
    metadata: token.metadata,
    expiresInSeconds: token.expiresInSeconds,
    isDefault: token.isDefault,
    auditId: newId(),
    credential: by.credential,
    requestId: by.requestId,
    keyHash: repeating?.keyHash,
    requestHash: repeating?.requestHash,
  });

/** Imports as one statement that reads JSON. @param tokensMax how many a user may have of a provider; 0: any number */
export function importsAsJson(hot: HotStatements, tokensMax: number): ImportForm<Row> {
  const statement = (name: string, isRepeatable: boolean, isPatient: boolean) => ({
    name,
    text: importStatement({ isRepeatable, isPatient, tokensMax }),
  });
  const plain = {
    together: statement('import', false, false),
    apart: statement('import-apart', false, true),
  };
  const repeatable = {
    together: statement('import-repeatable', true, false),
    apart: statement('import-repeatable-apart', true, true),
  };

  async function send(rows: readonly Row[], isApart: boolean): Promise<ImportOutcome[]> {
    const values = [`[${rows.map((row) => row.json).join()}]`];
    const { together, apart } = rows.some(({ isRepeatable }) => isRepeatable) ? repeatable : plain;
    try {
      const found = await hot.query<ImportOutcome & { readonly id: string }>({
        ...(isApart ? apart : together),
        values,
      });
      const outcomes = new Map(found.map((row) => [row.id, row]));
      return rows.map(({ id }) => outcomes.get(id) ?? { outcome: 'no-provider' });
    } catch (error) {
      // The provider was deleted after the statement had found it.
      if (rows.length === 1 && isForeignKeyViolation(error)) return [{ outcome: 'no-provider' }];
      if (rows.length === 1 && isLockedOn(error, 'idempotency_keys')) return [{ outcome: 'too-soon' }];
      throw error;
    }
  }

  return {
    send,
    itemOf: (given) => ({
      organizationId: given.token.organizationId,
      id: given.id,
      json: json(given),
      isRepeatable: given.repeating !== undefined,
    }),
    tenantOf: ({ organizationId }) => organizationId,
    sizeOf: ({ json }) => json.length,
  };
}
