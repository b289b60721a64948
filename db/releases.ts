import { newId } from '../crypto/uuid.ts';
import type { Actor } from './audit.ts';
import type { BatcherParts } from './postgres/batcher.ts';
import { createParameters, type HotStatements } from './postgres/hot.ts';
import { createLanes } from './postgres/lanes.ts';
import { valuesOf } from './postgres/rows.ts';
import type { Sharding } from './postgres/sharding.ts';
import { CHOOSE, RELEASE, RELEASE_COLUMNS, RELEASE_SINGLE, type ReleaseRow } from './release-statement.ts';

/** A request for the access token of one user for one provider. */
export interface ReleaseRequest {
  readonly organizationId: string;
  /** The owner of the token. */
  readonly userId: string;
  readonly providerId: string;
  /** The requested token; null: the default, or without a default the newest that fits. */
  readonly tokenId: string | null;
  /** Empty: any token fits. */
  readonly scopes: readonly string[];
  readonly agentId: string | null;
  /** Whose tokens a connection of the agent may lead to: the user's, or any. Null: connections are left alone. */
  readonly connectionsOf: 'user' | 'organization' | null;
}

export interface ReleaseTerms {
  /** How long the access token must still be valid, in seconds, where its expiry is known. */
  readonly minSeconds: number;
  /** False: the token is only looked at; nothing is released and nothing is recorded. */
  readonly isReleased: boolean;
}

/** The token that answers a request, whether it may be used or not. */
export interface ChosenToken {
  readonly id: string;
  readonly ownerId: string;
  /** Whether the token was chosen by a connection of the agent. */
  readonly isConnected: boolean;
  /** The ciphertext of the access token; null unless the token is released. */
  readonly accessToken: string | null;
  readonly metadata: Readonly<Record<string, unknown>> | null;
  /** Granted, and asked for at the consent. */
  readonly scopes: readonly string[];
  readonly expiresAt: Date | null;
  /** Whether the token was granted the requested scopes, as far as anybody knows. */
  readonly isFitting: boolean;
  /** Whether the access token is valid for long enough, or its expiry is unknown. */
  readonly isValid: boolean;
  /** Whether the grant is alive, and there is a refresh token. */
  readonly isRefreshable: boolean;
  /** Whether the access token will expire within 15 minutes, or has less than half its life left. */
  readonly isExpiring: boolean;
}

/** The answer of an organization that has the provider. */
export interface Release {
  /** Undefined: the user has no such token. */
  readonly token: ChosenToken | undefined;
}

type ReleasedRow = Omit<ChosenToken, 'id'> & { readonly auditId: string; readonly id: string | null };

const isToken = (row: ReleasedRow): row is ReleasedRow & ChosenToken => row.id !== null;

/** About the bytes of a request and its answer. */
const ROW_BYTES = 2560;

const rowOf = (request: ReleaseRequest, terms: ReleaseTerms, by: Actor): ReleaseRow => ({
  organizationId: request.organizationId,
  userId: request.userId,
  providerId: request.providerId,
  tokenId: request.tokenId,
  scopes: request.scopes,
  minSeconds: terms.minSeconds,
  isReleased: terms.isReleased,
  agentId: request.agentId,
  connectionsOf: request.connectionsOf,
  auditId: newId(),
  auditUserId: by.userId,
  credential: by.credential,
  requestId: by.requestId,
});

export type ReleaseRepository = ReturnType<typeof releaseRepository>;

/** Chooses and records in one statement. */
function chooseTogether(hot: HotStatements, rows: readonly ReleaseRow[]): Promise<readonly ReleasedRow[]> {
  const [first] = rows;
  return hot.query<ReleasedRow>(
    rows.length === 1 && first
      ? { name: 'release-single', text: RELEASE_SINGLE, values: valuesOf(RELEASE_COLUMNS, first) }
      : { name: 'release', text: RELEASE, values: [JSON.stringify(rows)] },
  );
}

/** Chooses by a statement for each organization, and then records by one for all. */
async function chooseSharded(
  hot: HotStatements,
  rows: readonly ReleaseRow[],
): Promise<readonly ReleasedRow[]> {
  const organizations = [...new Set(rows.map(({ organizationId }) => organizationId))];
  const chosen = await Promise.all(
    organizations.map((organizationId) => {
      const own = rows.filter((row) => row.organizationId === organizationId);
      return hot.query<ReleasedRow>({
        name: 'release.choose',
        text: CHOOSE,
        values: [JSON.stringify(own), organizationId],
      });
    }),
  );
  const answers = chosen.flat();
  await record(hot, rows, new Map(answers.map((answer) => [answer.auditId, answer])));
  return answers;
}

async function record(
  hot: HotStatements,
  rows: readonly ReleaseRow[],
  answers: ReadonlyMap<string, ReleasedRow>,
): Promise<void> {
  const { bind, values } = createParameters();
  const records = rows.flatMap(({ organizationId, auditId, agentId, auditUserId, credential, requestId }) => {
    const answer = answers.get(auditId);
    if (answer === undefined || answer.accessToken === null) return [];
    return `(${bind(organizationId, 'uuid')}, ${bind(auditId, 'uuid')}, ${bind(auditUserId, 'text')}, ${bind(credential, 'text')},
      'token.release', ${bind(answer.id, 'text')}, ${bind(requestId, 'text')}, ${bind(agentId, 'text')})`;
  });
  if (records.length === 0) return;
  const text = `
INSERT INTO audit_records (organization_id, id, user_id, credential, action, object_id, request_id, agent_id)
VALUES ${records.join()}`;
  await hot.query({ name: 'release.record', text, values, isPrepared: false });
}

/**
 * Tokens that are given out, batched under load.
 * @param sharding undefined: the tables are not distributed
 */
export function releaseRepository(hot: HotStatements, sharding?: Pick<Sharding, 'nodeOf'>) {
  const choose = sharding === undefined ? chooseTogether : chooseSharded;
  const parts: BatcherParts<ReleaseRow, Release | undefined> = {
    async send(rows) {
      const chosen = await choose(hot, rows);
      const found = new Map(chosen.map((row) => [row.auditId, row]));
      return rows.map(({ auditId }) => {
        const row = found.get(auditId);
        return row && { token: isToken(row) ? row : undefined };
      });
    },
    tenantOf: ({ organizationId }) => organizationId,
    sizeOf: ({ scopes }) => ROW_BYTES + scopes.join().length,
  };
  const batcher = createLanes(parts, sharding);
  return {
    /**
     * Chooses the token of a request. The release of a token is recorded before this resolves.
     * @returns undefined: the organization has no such provider
     * @throws OverloadedError
     */
    release(request: ReleaseRequest, terms: ReleaseTerms, by: Actor): Promise<Release | undefined> {
      return batcher.add(rowOf(request, terms, by));
    },

    /** Takes no more requests, and resolves once those under way are answered. */
    close: () => batcher.close(),
  };
}
