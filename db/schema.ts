/** Writes db/schema.sql: the schema that the migrations make, for people to read and for a test to compare. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEmbedded } from './embedded/embedded.ts';
import { migrate } from './postgres/migrate.ts';
import { openDatabase } from './postgres/pool.ts';
import { describeSchema } from './postgres/schema.ts';

const directory = mkdtempSync(join(tmpdir(), 'tokenhold-schema-'));
const database = await startEmbedded(directory);
await migrate(database.connectionString);
const db = openDatabase({
  connectionString: database.connectionString,
  poolMax: 1,
  statementTimeoutSeconds: 60,
  acquireTimeoutSeconds: 60,
});
const schema = await describeSchema(db);
await db.destroy();
await database.stop();
rmSync(directory, { recursive: true });
writeFileSync(
  new URL('schema.sql', import.meta.url),
  `-- Written by \`npm run schema\` from the migrations. Do not edit.\n\n${schema}`,
);
