/** The sources of the Fernet keys, and the messages when they cannot be read. */
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { generateKey } from '../crypto/fernet.ts';
import { ConfigError, type Environment, loadConfig } from '../service/config.ts';
import { readKeys } from '../service/keys.ts';

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tokenhold-keys-'));
});

afterEach(() => rmSync(directory, { recursive: true }));

const keys = (env: Environment) => readKeys(loadConfig({ DATA_DIR: join(directory, 'data'), ...env }));

describe('FERNET_KEYS_COMMAND', () => {
  it('prints the keys, one a line or separated by commas', async () => {
    const [first, second] = [generateKey(), generateKey()];
    expect(await keys({ FERNET_KEYS_COMMAND: `echo ${first}; printf '%s\\n' ${second}` })).toEqual([
      first,
      second,
    ]);
    expect(await keys({ FERNET_KEYS_COMMAND: `printf %s ${first},${second}` })).toEqual([first, second]);
  });

  it('has the environment of the service', async () => {
    expect(existsSync(process.env['HOME'] ?? '')).toBe(true);
    writeFileSync(join(directory, 'key'), generateKey());
    const command = `test -n "$HOME" && cat ${join(directory, 'key')}`;
    expect(await keys({ FERNET_KEYS_COMMAND: command })).toHaveLength(1);
  });

  it.each([
    ['false', /failed \(exit status 1\): run it by hand/],
    ['exec 2>/dev/null; no-such-command', /failed \(exit status 127\)/],
    ['kill -TERM $$', /failed \(SIGTERM\)/],
    ['true', /printed nothing/],
    ['echo hush', /printed no usable keys: /],
  ])('that does not give keys stops the start: %s', async (command, message) => {
    const failure: unknown = await keys({ FERNET_KEYS_COMMAND: command }).catch((error: unknown) => error);
    expect(failure).toMatchObject({ name: 'Error', message: expect.stringMatching(message) });
    expect(String(failure)).not.toContain('hush');
  });

  it('that does not end is ended, with all that it started', async () => {
    const env = {
      FERNET_KEYS_COMMAND: `sh -c 'sleep 600; touch ${directory}/late' | cat`,
      FERNET_KEYS_COMMAND_TIMEOUT_SECONDS: '1',
    };
    await expect(keys(env)).rejects.toThrow(/did not end within 1 s/);
  });

  it('may leave a process behind that holds its stdout: the time is over for it, too', async () => {
    const left = `require('child_process').spawn('sleep', ['4'], { detached: true, stdio: 'inherit' }).unref()`;
    const env = {
      FERNET_KEYS_COMMAND: `${process.execPath} -e "${left}"`,
      FERNET_KEYS_COMMAND_TIMEOUT_SECONDS: '1',
    };
    await expect(keys(env)).rejects.toThrow(/did not end within 1 s/);
  });

  it('excludes the other two settings', () => {
    expect(() => loadConfig({ FERNET_KEYS_COMMAND: 'x', FERNET_KEYS_FILE: 'y' })).toThrow(
      /FERNET_KEYS_FILE and FERNET_KEYS_COMMAND exclude each other/,
    );
  });

  it('is enough beside DATABASE_URL', () => {
    const DATABASE_URL = 'postgresql://127.0.0.1/x';
    expect(() => loadConfig({ DATABASE_URL, FERNET_KEYS_COMMAND: 'x' })).not.toThrow();
    expect(() => loadConfig({ DATABASE_URL })).toThrow(/FERNET_KEYS_COMMAND\) is required/);
  });
});

describe('FERNET_KEYS_FILE', () => {
  const DATABASE_URL = 'postgresql://127.0.0.1/x';

  it.each([
    ['is not there', undefined, /cannot be read \(ENOENT\)/],
    ['holds no key', 'hush', /key 1 is not 32 bytes/],
    ['is empty', '', /at least one key/],
  ])('that %s stops the start', async (_, content, message) => {
    const file = join(directory, 'keys');
    if (content !== undefined) writeFileSync(file, content);
    const failure: unknown = await keys({ DATABASE_URL, FERNET_KEYS_FILE: file }).catch(
      (error: unknown) => error,
    );
    expect(failure).toBeInstanceOf(ConfigError);
    expect(String(failure)).toMatch(message);
    expect(String(failure)).not.toContain('hush');
  });

  it('excludes FERNET_KEYS', () => {
    const env = { DATABASE_URL, FERNET_KEYS_FILE: 'x', FERNET_KEYS: generateKey() };
    expect(() => loadConfig(env)).toThrow(/exclude each other/);
  });
});

describe('the key file of the data directory', () => {
  const path = () => join(directory, 'data', 'fernet.keys');

  it('is made once, and closed to others again when its mode has been opened', async () => {
    const made = await keys({});
    chmodSync(path(), 0o644);
    expect(await keys({})).toEqual(made);
    expect(statSync(path()).mode & 0o777).toBe(0o600);
  });

  it('may be a link, whose target keeps its mode', async () => {
    const made = await keys({});
    const target = join(directory, 'elsewhere');
    writeFileSync(target, readFileSync(path()), { mode: 0o640 });
    rmSync(path());
    symlinkSync(target, path());
    expect(await keys({})).toEqual(made);
    expect(statSync(target).mode & 0o777).toBe(0o640);
  });
});
