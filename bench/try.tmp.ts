import { generateKey } from '../crypto/fernet.ts';
import { openServer } from './database.ts';
import { driverLoad, serviceLoad } from './loads.ts';
import { pgbenchLoad } from './pgbench.ts';
import { startService } from './start.ts';

const server = await openServer(process.env['DATABASE_URL']);
try {
  const vault = await server.createVault(1);
  const service = await startService(server.directory, {
    DATABASE_URL: vault.connectionString,
    FERNET_KEYS: generateKey(),
    ...(process.env['BENCH_OPERATIONS'] ? { BENCH_OPERATIONS: process.env['BENCH_OPERATIONS'] } : {}),
  });
  await serviceLoad(service, vault, { connections: 16, seconds: 10 });
  const f = (l: any) =>
    Object.entries(l)
      .map(([k, v]: any) => k + ' ' + v.toFixed(2))
      .join('  ');
  const S = Number(process.env['S'] ?? 4);
  for (const connections of (process.env['C'] ?? '1,16,64').split(',').map(Number)) {
    if (process.env['P'])
      console.log(
        connections,
        'pgbench',
        f(await pgbenchLoad(vault, server.directory, { connections, seconds: S })),
      );
    if (process.env['D'])
      console.log(connections, 'driver ', f(await driverLoad(vault, { connections, seconds: S })));
    console.log(connections, 'service', f(await serviceLoad(service, vault, { connections, seconds: S })));
  }
  await service.stop();
} finally {
  await server.stop();
}
