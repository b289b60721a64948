import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { createCatalogue } from '../oauth/catalogue/catalogue.ts';
import { loadCatalogue } from '../service/catalogue-file.ts';

const builtIn = createCatalogue();

describe("an operator's file", () => {
  const folder = mkdtempSync(join(tmpdir(), 'catalogue-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  const load = (content: string) => {
    const providerCatalogueFile = join(folder, 'catalogue.json');
    writeFileSync(providerCatalogueFile, content);
    return loadCatalogue({ providerCatalogueFile });
  };

  it('adds an entry, which needs a name and hosts', () => {
    const acme = { name: 'acme', displayName: 'Acme', match: ['*.acme.example:8443'], pkce: 'no' };
    const catalogue = load(JSON.stringify([acme]));
    expect(catalogue.find('https://login.eu.acme.example:8443/token')).toEqual({ ...acme, sources: [] });
    expect(catalogue.find('https://slack.com/api/oauth.v2.access')?.name).toBe('slack');
  });

  it('changes a built-in entry field by field, and removes a field that is null', () => {
    const catalogue = load('[{ "name": "slack", "pkce": null, "scopeSeparator": " " }]');
    const { pkce: _, ...slack } = builtIn.named('slack') ?? {};
    expect(catalogue.find('https://slack.com/api/oauth.v2.access')).toEqual({
      ...slack,
      scopeSeparator: ' ',
    });
    expect(catalogue.entries).toHaveLength(builtIn.entries.length);
  });

  it('takes the host of a built-in entry', () => {
    const catalogue = load('[{ "name": "my-slack", "displayName": "Mine", "match": ["slack.com"] }]');
    expect(catalogue.find('https://slack.com/api/oauth.v2.access')?.name).toBe('my-slack');
  });

  it('is refused with all of its problems, and without its values', () => {
    const wrong = [
      { name: 'Bad Name', displayName: '', match: [], secret: 's3cret' },
      { name: 'slack', pkce: 'maybe', tokenUrl: 'http://slack.com/token' },
      'text',
      { name: 'github', match: ['https://github.com/'] },
      { name: 'zoom', reuse: { class: 'window' } },
      { name: 'box' },
      { name: 'box', match: ['api.box.com'] },
      {
        name: 'x',
        revocation: { url: '{origin}/revoke', token: 'access_token', headers: { Host: 'evil.example' } },
      },
    ];
    const problems = [
      'invalid configuration:',
      'entry 0: has no field "secret"',
      'entry 0.name: must be 1 to 63 of the characters a-z 0-9 -',
      'entry 0.displayName: must not be empty',
      'entry 0.match: must not be empty',
      'entry 1.tokenUrl: must be an https URL without user info or fragment',
      'entry 1.pkce: must be one of ["yes","no"]',
      'entry 2: must be object',
      'entry 3.match.0: must be a host in lower case, perhaps with a port, such as api.example.com or *.example.com',
      'entry 4.reuse: needs the field "seconds"',
      'entry 6: its name is used twice',
      'entry 6: a host of its match is used twice',
      'entry 7.revocation.headers: must be a header of its own, such as X-Version',
    ];
    expect(() => load(JSON.stringify(wrong))).toThrow(problems.join('\n- PROVIDER_CATALOGUE_FILE: '));
    expect(() => load(JSON.stringify(wrong))).not.toThrow('s3cret');
  });

  it('is refused when it is not JSON, not a list, or not there', () => {
    expect(() => load('{ nonsense s3cret')).toThrow('- PROVIDER_CATALOGUE_FILE: is not JSON');
    expect(() => load('{}')).toThrow('- PROVIDER_CATALOGUE_FILE: must be a list of entries');
    expect(() => loadCatalogue({ providerCatalogueFile: join(folder, 'none') })).toThrow(
      '- PROVIDER_CATALOGUE_FILE: cannot be read (ENOENT)',
    );
  });
});
