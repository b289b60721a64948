import { Command } from 'commander';
import { loadConfig } from '../../service/config.ts';

export const command = new Command('serve').action(async () => {
  const config = loadConfig(process.env);
  // Reports wrong settings before the server's packages have loaded.
  const { serve } = await import('../../service/serve.ts');
  await serve(config);
});
