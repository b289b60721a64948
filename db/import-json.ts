import { newId } from '../crypto/uuid.ts';
import type { ImportOutcome } from './idempotency-keys.ts';
import type { ImportForm, NewImport } from './import-form.ts';
import { IMPORT_COLUMNS, type ImportRow, importStatement } from './import-statement.ts';
import { isForeignKeyViolation, isLockedOn } from './postgres/errors.ts';
import type { HotStatement, HotStatements } from './postgres/hot.ts';
import { valuesOf } from './postgres/rows.ts';

/** About the bytes of a row without its texts of any length. */
const ROW_BYTES = 512;

/** Each field is named, because spreading the objects takes three times as long. */
const rowOf = ({ id, token, by, repeating }: NewImport): ImportRow => ({
  organizationId: token.organizationId,
  id,
  userId: token.userId,
  providerId: token.providerId,
  workspaceId: token.workspaceId,
  accessToken: token.accessToken.ciphertext,
  accessTokenKey: token.accessToken.key,
  refreshToken: token.refreshToken?.ciphertext ?? null,
  refreshTokenKey: token.refreshToken?.key ?? null,
  scopes: token.scopes,
  metadata: token.metadata && JSON.stringify(token.metadata),
  expiresInSeconds: token.expiresInSeconds,
  isDefault: token.isDefault,
  auditId: newId(),
  credential: by.credential,
  requestId: by.requestId,
  keyHash: repeating?.keyHash ?? null,
  requestHash: repeating?.requestHash ?? null,
});

/**
 * Imports as one statement, which reads a single import by its columns, and several as JSON.
 * @param tokensMax how many a user may have of a provider; 0: any number
 */
export function importsAsJson(hot: HotStatements, tokensMax: number): ImportForm<ImportRow> {
  function statement(name: string, form: Omit<Parameters<typeof importStatement>[0], 'tokensMax'>) {
    const text = importStatement({ ...form, tokensMax });
    return (values: unknown[]): HotStatement => ({ name, text, values });
  }
  const single = statement('import-single', { isSingle: true });
  const plain = {
    together: statement('import', {}),
    apart: statement('import-apart', { isPatient: true }),
  };
  const repeatable = {
    together: statement('import-repeatable', { isRepeatable: true }),
    apart: statement('import-repeatable-apart', { isRepeatable: true, isPatient: true }),
  };

  function statementFor(rows: readonly ImportRow[], isApart: boolean): HotStatement {
    const [first] = rows;
    const isRepeatable = rows.some(({ keyHash }) => keyHash !== null);
    if (rows.length === 1 && first && !isRepeatable && !isApart) {
      return single(valuesOf(IMPORT_COLUMNS, first));
    }
    const { together, apart } = isRepeatable ? repeatable : plain;
    return (isApart ? apart : together)([JSON.stringify(rows)]);
  }

  async function send(rows: readonly ImportRow[], isApart: boolean): Promise<ImportOutcome[]> {
    try {
      const found = await hot.query<ImportOutcome & { readonly id: string }>(statementFor(rows, isApart));
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
    itemOf: rowOf,
    tenantOf: ({ organizationId }) => organizationId,
    sizeOf: ({ accessToken, refreshToken, scopes, metadata }) =>
      ROW_BYTES +
      accessToken.length +
      (refreshToken?.length ?? 0) +
      scopes.join().length +
      (metadata?.length ?? 0),
  };
}
