/** The statements for distributed tables, on one PostgreSQL: what holds for the others holds for them. */
import { asIfSharded } from './support/vault.ts';

asIfSharded();
await import('./authenticate.test.ts');
await import('./import.test.ts');
await import('./idempotency.test.ts');
