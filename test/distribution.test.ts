/** What doctor asks for on a cluster, from the placements that Citus reports. */
import { describe, expect, it } from '@jest/globals';
import { missingStatements, type TablePlacement } from '../db/postgres/distribution.ts';

const table = (name: string, kind: TablePlacement['kind'], colocation: number | null): TablePlacement => ({
  table: name,
  kind,
  colocation,
});
const missing = (...tables: TablePlacement[]) =>
  missingStatements({ nodes: [], tables: [table('organizations', 'distributed', 1), ...tables] });

describe('a distribution', () => {
  it('lacks nothing where each table is placed like its organization, or on every node', () => {
    expect(missing(table('oauth_tokens', 'distributed', 1), table('api_keys', 'reference', 2))).toEqual([]);
  });

  it('lacks nothing where no table is distributed', () => {
    const tables = [table('organizations', 'local', null), table('api_keys', 'local', null)];
    expect(missingStatements({ nodes: [], tables })).toEqual([]);
  });

  it.each([
    [
      table('oauth_tokens', 'local', null),
      "SELECT create_distributed_table('oauth_tokens', 'organization_id', colocate_with => 'organizations');",
    ],
    [table('api_keys', 'local', null), "SELECT create_reference_table('api_keys');"],
    [
      table('oauth_tokens', 'distributed', 7),
      "SELECT alter_distributed_table('oauth_tokens', colocate_with => 'organizations');",
    ],
  ])('of %j is mended by a statement', (placement, statement) => {
    expect(missing(placement)).toEqual([statement]);
  });
});
