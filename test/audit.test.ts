/** Audit records that a statement writes for the rows that it changes. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { version } from 'uuid';
import { OPERATOR, recordedAs, recording } from '../db/audit.ts';
import { startVault, type Tenant, type TestVault } from './support/vault.ts';

let vault: TestVault;
let tenant: Tenant;

beforeAll(async () => {
  vault = await startVault();
  tenant = await vault.newTenant();
});

afterAll(() => vault.close());

describe('a statement that changes many rows', () => {
  it('leaves a record for each, with an id of its own that sorts by time', async () => {
    const before = Date.now();
    const change = `
      WITH changed AS (
        SELECT :organizationId::uuid AS organization_id, number AS object FROM generate_series(1, 300) AS number
      ), audited AS (
        ${recording('thing.change', 'changed', 'object')}
      )
      SELECT count(*) FROM changed`;
    const { organizationId } = tenant;
    for (let times = 0; times < 2; times++) {
      await vault.db.raw(change, { organizationId, ...recordedAs(OPERATOR) });
    }
    const records = [];
    for await (const record of vault.audit.list(organizationId, new Date(0))) {
      if (record.action === 'thing.change') records.push(record);
    }
    expect(new Set(records.map(({ id }) => id)).size).toBe(600);
    expect(new Set(records.map(({ objectId }) => objectId)).size).toBe(300);
    for (const { id } of records) {
      expect(version(id)).toBe(7);
      const milliseconds = Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16);
      expect(milliseconds).toBeGreaterThanOrEqual(before);
      expect(milliseconds).toBeLessThanOrEqual(Date.now());
    }
  });
});
