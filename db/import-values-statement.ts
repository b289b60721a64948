import { KEY_LIFETIME } from './idempotency-keys.ts';
import type { NewImport } from './import-form.ts';
import { PATIENCE } from './import-statement.ts';
import { createParameters } from './postgres/hot.ts';

/** A token to store. */
export interface InsertedImport extends NewImport {
  readonly auditId: string;
  /** JSON. */
  readonly metadata: string | null;
}

type Bind = ReturnType<typeof createParameters>['bind'];

const tuples = (rows: readonly (readonly string[])[]): string =>
  rows.map((row) => `(${row.join(', ')})`).join(',\n');

const tokenTuple = (bind: Bind, { id, token, metadata }: InsertedImport): readonly string[] => [
  bind(token.organizationId, 'uuid'),
  bind(id, 'uuid'),
  bind(token.userId, 'text'),
  bind(token.providerId, 'text'),
  bind(token.workspaceId, 'uuid'),
  bind(token.accessToken.ciphertext, 'text'),
  bind(token.accessToken.key, 'text'),
  bind(token.refreshToken?.ciphertext ?? null, 'text'),
  bind(token.refreshToken?.key ?? null, 'text'),
  bind(token.scopes, 'text[]'),
  bind(metadata, 'jsonb'),
  `now() + make_interval(secs => ${bind(token.expiresInSeconds, 'double precision')})`,
];

const auditTuple = (bind: Bind, { id, auditId, token, by }: InsertedImport): readonly string[] => [
  bind(token.organizationId, 'uuid'),
  bind(auditId, 'uuid'),
  bind(token.userId, 'text'),
  bind(by.credential, 'text'),
  `'token.import'`,
  bind(id, 'text'),
  bind(by.requestId, 'text'),
];

/** The last one of several tokens that want to be the same default, in the order of the key: so two statements never deadlock. */
function defaultsOf(rows: readonly InsertedImport[]): readonly InsertedImport[] {
  const last = new Map(
    rows
      .filter(({ token }) => token.isDefault)
      .map((row) => [
        JSON.stringify([row.token.organizationId, row.token.userId, row.token.providerId]),
        row,
      ]),
  );
  return [...last].toSorted(([one], [other]) => (one < other ? -1 : 1)).map(([, row]) => row);
}

function claims(bind: Bind, rows: readonly InsertedImport[]): readonly string[] {
  const claimed = rows.flatMap(({ id, token: { organizationId }, repeating }) =>
    repeating === undefined ? [] : [{ id, organizationId, ...repeating }],
  );
  if (claimed.length === 0) return [];
  const inOrder = claimed.toSorted((one, other) => (one.keyHash < other.keyHash ? -1 : 1));
  return [
    `claimed AS (
  INSERT INTO idempotency_keys (organization_id, key_hash, request_hash, token_id, expires_at)
  VALUES ${tuples(
    inOrder.map(({ id, organizationId, keyHash, requestHash }) => [
      bind(organizationId, 'uuid'),
      bind(Buffer.from(keyHash, 'hex'), 'bytea'),
      bind(Buffer.from(requestHash, 'hex'), 'bytea'),
      bind(id, 'uuid'),
      `now() + interval '${KEY_LIFETIME}'`,
    ]),
  )}
)`,
  ];
}

function newDefaults(bind: Bind, rows: readonly InsertedImport[]): readonly string[] {
  const defaults = defaultsOf(rows);
  if (defaults.length === 0) return [];
  return [
    `made_default AS (
  INSERT INTO default_tokens (organization_id, user_id, provider_id, token_id)
  VALUES ${tuples(
    defaults.map(({ id, token }) => [
      bind(token.organizationId, 'uuid'),
      bind(token.userId, 'text'),
      bind(token.providerId, 'text'),
      bind(id, 'uuid'),
    ]),
  )}
  ON CONFLICT (organization_id, user_id, provider_id) DO UPDATE SET token_id = excluded.token_id
)`,
  ];
}

/**
 * Stores tokens, their idempotency keys, their defaults and their audit records in one statement.
 * @param isPatient whether it may wait longer for a lock, because it delays no other organization. On a cluster the setting
 * does not reach the other nodes
 */
export function insertStatement(rows: readonly InsertedImport[], isPatient: boolean) {
  const { bind, values } = createParameters();
  const inserts = [
    ...claims(bind, rows),
    `stored AS (
  INSERT INTO oauth_tokens (organization_id, id, user_id, provider_id, workspace_id,
    access_token, access_token_key, refresh_token, refresh_token_key, scopes, metadata, expires_at)
  VALUES ${tuples(rows.map((row) => tokenTuple(bind, row)))}
  RETURNING id
)`,
    ...newDefaults(bind, rows),
    `audited AS (
  INSERT INTO audit_records (organization_id, id, user_id, credential, action, object_id, request_id)
  VALUES ${tuples(rows.map((row) => auditTuple(bind, row)))}
)`,
  ];
  const patience = `(SELECT set_config('lock_timeout', '${PATIENCE}', true) AS setting OFFSET 0) AS patience,
  LATERAL (SELECT id FROM stored WHERE patience.setting IS NOT NULL) AS patiently`;
  const text = `WITH ${inserts.join(', ')}
SELECT id FROM ${isPatient ? patience : 'stored'}`;
  return { text, values };
}
