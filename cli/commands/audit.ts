import { Command, InvalidArgumentError } from 'commander';
import type { AuditRecord } from '../../db/audit.ts';
import { organizationId, withVault } from '../command.ts';

function time(value: string): Date {
  const date = new Date(value);
  if (/^\d{4}-\d\d-\d\d/.test(value) && !Number.isNaN(date.getTime())) return date;
  throw new InvalidArgumentError('It must be a date or time such as 2026-11-24 or 2026-11-24T09:30:00Z.');
}

const described = (record: AuditRecord) => ({
  id: record.id,
  recorded_at: record.recordedAt.toISOString(),
  user_id: record.userId,
  credential: record.credential,
  action: record.action,
  object_id: record.objectId,
  request_id: record.requestId,
  agent_id: record.agentId,
  outcome: record.outcome,
});

interface ListOptions {
  readonly organization: string;
  readonly since?: Date;
  readonly lines?: boolean;
}

const list = new Command('list')
  .description('who did what, oldest first')
  .requiredOption('--organization <id or name>', 'whose records')
  .option('--since <time>', 'records since then (default: all)', time)
  .option('--lines', 'print a JSON object per line, however many there are');
withVault<ListOptions>(list, async (vault, { organization, since = new Date(0), lines }) => {
  const records = vault.audit.list(await organizationId(vault, organization), since);
  if (lines === true) {
    for await (const record of records) process.stdout.write(`${JSON.stringify(described(record))}\n`);
    return undefined;
  }
  const all = [];
  for await (const record of records) all.push(described(record));
  return all;
});

export const command = new Command('audit').addCommand(list);
