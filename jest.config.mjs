import { availableParallelism } from 'node:os';

export default {
  testEnvironment: 'node',
  // The nodes of a cluster share one machine, and each test's database is made on all of them.
  testTimeout: process.env['TEST_CITUS_URLS'] === undefined ? 30_000 : 120_000,
  // Tests wait for child processes and leases, and leave the cores idle for half of the time. Jest takes no more than '100%'.
  maxWorkers: Math.ceil(1.5 * availableParallelism()),
  globalSetup: '<rootDir>/test/support/setup.ts',
  globalTeardown: '<rootDir>/test/support/teardown.ts',
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '\\.ts$': [
      '@swc/jest',
      { jsc: { parser: { syntax: 'typescript' }, target: 'es2023' }, module: { type: 'es6' } },
    ],
  },
};
