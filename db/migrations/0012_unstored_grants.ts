import type { Knex } from 'knex';

/**
 * Grants that a provider gave and that the vault could not store are revoked, too: the pair of a refresh whose token was
 * deleted meanwhile has another row than the pair that was deleted.
 */
export async function up(knex: Knex): Promise<void> {
  for (const statement of STATEMENTS) await knex.schema.raw(statement);
}

const STATEMENTS = [
  `ALTER TABLE revocations ADD COLUMN token_id uuid`,
  `COMMENT ON COLUMN revocations.token_id IS 'of the token; null: the id of the row'`,
  `COMMENT ON COLUMN revocations.id IS 'of the deleted token, or of the attempt whose answer could not be stored'`,
  `COMMENT ON TABLE revocations IS 'deleted tokens, and grants that could not be stored, whose providers have not been told yet'`,
];
