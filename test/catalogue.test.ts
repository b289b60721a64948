import { describe, expect, it } from '@jest/globals';
import { BUILT_IN, createCatalogue } from '../oauth/catalogue/catalogue.ts';
import type { CatalogueEntry } from '../oauth/catalogue-entry.ts';

const builtIn = createCatalogue();

/** Each provider by a token URL, and where it departs from the RFCs. */
const DEPARTURES: readonly [tokenUrl: string, departures: Partial<CatalogueEntry>][] = [
  ['https://airtable.com/oauth2/v1/token', { name: 'airtable', clientAuthentication: 'client_secret_basic' }],
  [
    'https://api.amazon.com/auth/o2/token',
    { name: 'amazon-sp', callbackRenames: { spapi_oauth_code: 'code' } },
  ],
  ['https://app.asana.com/-/oauth_token', { name: 'asana', reuse: { class: 'not-rotating' } }],
  [
    'https://auth.atlassian.com/oauth/token',
    {
      name: 'atlassian',
      extraAuthorizationParameters: { audience: 'api.atlassian.com', prompt: 'consent' },
      extraScopes: ['offline_access'],
      reuse: { class: 'window', seconds: 600 },
      errorCodes: { clientWrong: ['access_denied'] },
    },
  ],
  ['https://api.box.com/oauth2/token', { name: 'box', reuse: { class: 'none' } }],
  [
    'https://account-d.docusign.com/oauth/token',
    { name: 'docusign', clientAuthentication: 'client_secret_basic' },
  ],
  [
    'https://api.dropboxapi.com/oauth2/token',
    {
      name: 'dropbox',
      extraAuthorizationParameters: { token_access_type: 'offline' },
      reuse: { class: 'not-rotating' },
    },
  ],
  [
    'https://graph.facebook.com/v25.0/oauth/access_token',
    {
      name: 'facebook',
      refresh: {
        method: 'GET',
        parametersIn: 'query',
        redeems: 'access_token',
        tokenParameter: 'fb_exchange_token',
        grantType: 'fb_exchange_token',
      },
    },
  ],
  [
    'https://api.figma.com/v1/oauth/token',
    {
      name: 'figma',
      pkce: 'no',
      scopeSeparator: ',',
      clientAuthentication: 'client_secret_basic',
      refresh: { url: 'https://api.figma.com/v1/oauth/refresh' },
    },
  ],
  [
    'https://github.com/login/oauth/access_token',
    {
      name: 'github',
      reuse: { class: 'none' },
      revocation: {
        url: 'https://api.github.com/applications/{client_id}/grant',
        method: 'DELETE',
        format: 'json',
        token: 'access_token',
        tokenParameter: 'access_token',
        authentication: 'client_secret_basic',
      },
    },
  ],
  ['https://gitlab.com/oauth/token', { name: 'gitlab', reuse: { class: 'none' } }],
  [
    'https://oauth2.googleapis.com/token',
    {
      name: 'google',
      extraAuthorizationParameters: { access_type: 'offline', prompt: 'consent' },
      reuse: { class: 'not-rotating' },
      revocation: {
        url: 'https://oauth2.googleapis.com/revoke',
        token: 'refresh_token',
        authentication: 'none',
      },
    },
  ],
  ['https://api.hubapi.com/oauth/v1/token', { name: 'hubspot', reuse: { class: 'not-rotating' } }],
  ['https://api.instagram.com/oauth/access_token', { name: 'instagram', scopeSeparator: ',' }],
  ['https://api.eu.intercom.io/auth/eagle/token', { name: 'intercom' }],
  [
    'https://api.linear.app/oauth/token',
    {
      name: 'linear',
      pkce: 'no',
      scopeSeparator: ',',
      extraAuthorizationParameters: { prompt: 'consent' },
      reuse: { class: 'window', seconds: 1800 },
    },
  ],
  ['https://www.linkedin.com/oauth/v2/accessToken', { name: 'linkedin', pkce: 'no' }],
  ['https://login.mailchimp.com/oauth2/token', { name: 'mailchimp' }],
  [
    'https://login.microsoftonline.com/11111111-2222-3333-4444-555555555555/oauth2/v2.0/token',
    {
      name: 'microsoft',
      providerType: 'microsoft',
      extraScopes: ['offline_access'],
      responseMode: 'query',
      reuse: { class: 'not-rotating' },
    },
  ],
  ['https://api.miro.com/v1/oauth/token', { name: 'miro', metadataFromAnswer: ['team_id', 'user_id'] }],
  [
    'https://auth.monday.com/oauth2/token',
    { name: 'monday', pkce: 'no', removedAuthorizationParameters: ['response_type'] },
  ],
  [
    'https://api.notion.com/v1/oauth/token',
    {
      name: 'notion',
      clientAuthentication: 'client_secret_basic',
      requestFormat: 'json',
      extraAuthorizationParameters: { owner: 'user' },
    },
  ],
  [
    'https://mcp.notion.com/token',
    { name: 'notion-mcp', clientAuthentication: 'none', reuse: { class: 'none' } },
  ],
  ['https://acme.okta.com/oauth2/v1/token', { name: 'okta', reuse: { class: 'window', seconds: 30 } }],
  [
    'https://oauth.pipedrive.com/oauth/token',
    {
      name: 'pipedrive',
      pkce: 'no',
      clientAuthentication: 'client_secret_basic',
      metadataFromAnswer: ['api_domain'],
    },
  ],
  [
    'https://oauth.platform.intuit.com/oauth2/v1/tokens/bearer',
    { name: 'quickbooks', metadataFromCallback: ['realmId'] },
  ],
  [
    'https://www.reddit.com/api/v1/access_token',
    {
      name: 'reddit',
      extraAuthorizationParameters: { duration: 'permanent' },
      clientAuthentication: 'client_secret_basic',
    },
  ],
  [
    'https://acme--dev.sandbox.my.salesforce.com/services/oauth2/token',
    {
      name: 'salesforce',
      providerType: 'salesforce',
      extraAuthorizationParameters: { prompt: 'consent' },
      metadataFromAnswer: ['instance_url', 'id'],
      reuse: { class: 'none' },
    },
  ],
  [
    'https://acme.myshopify.com/admin/oauth/access_token',
    { name: 'shopify', extraTokenParameters: { expiring: '1' }, reuse: { class: 'until-used' } },
  ],
  [
    'https://slack.com/api/oauth.v2.access',
    {
      name: 'slack',
      providerType: 'slack',
      pkce: 'no',
      scopeSeparator: ',',
      reuse: { class: 'none' },
      revocation: {
        url: 'https://slack.com/api/auth.revoke',
        format: 'none',
        token: 'access_token',
        authentication: 'bearer',
      },
    },
  ],
  [
    'https://api.stripe.com/v1/oauth/token',
    { name: 'stripe', pkce: 'no', clientAuthentication: 'secret_as_username', assumedExpirySeconds: 3600 },
  ],
  [
    'https://graph.threads.net/oauth/access_token',
    {
      name: 'threads',
      refresh: {
        url: 'https://graph.threads.net/refresh_access_token',
        method: 'GET',
        parametersIn: 'query',
        redeems: 'access_token',
        tokenParameter: 'access_token',
        grantType: 'th_refresh_token',
      },
    },
  ],
  [
    'https://open.tiktokapis.com/v2/oauth/token/',
    { name: 'tiktok', fieldRenames: { client_id: 'client_key' }, scopeSeparator: ',' },
  ],
  [
    'https://business-api.tiktok.com/open_api/v1.3/oauth2/access_token/',
    {
      name: 'tiktok-business',
      requestFormat: 'json',
      fieldRenames: { client_id: 'app_id', client_secret: 'secret', code: 'auth_code' },
      envelopes: ['data'],
    },
  ],
  ['https://todoist.com/oauth/access_token', { name: 'todoist', scopeSeparator: ',' }],
  [
    'https://api.x.com/2/oauth2/token',
    { name: 'x', extraScopes: ['offline.access'], clientAuthentication: 'client_secret_basic' },
  ],
  [
    'https://identity.xero.com/connect/token',
    { name: 'xero', extraScopes: ['offline_access'], reuse: { class: 'window', seconds: 1800 } },
  ],
  [
    'https://acme.zendesk.com/oauth/tokens',
    { name: 'zendesk', requestedExpirySeconds: 3600, reuse: { class: 'none' } },
  ],
  [
    'https://accounts.zoho.eu/oauth/v2/token',
    {
      name: 'zoho',
      extraAuthorizationParameters: { access_type: 'offline', prompt: 'consent' },
      tokenOriginParameter: 'accounts-server',
      metadataFromAnswer: ['api_domain'],
    },
  ],
  ['https://zoom.us/oauth/token', { name: 'zoom', clientAuthentication: 'client_secret_basic' }],
];

describe('the catalogue', () => {
  it.each(DEPARTURES)('knows %s', (tokenUrl, departures) => {
    expect(builtIn.find(tokenUrl)).toMatchObject(departures);
  });

  it('has each of its entries looked at above', () => {
    expect(DEPARTURES.map(([, { name }]) => name)).toEqual(builtIn.entries.map(({ name }) => name));
  });

  it('holds entries that fit its schema, each with a source, and no host twice', () => {
    expect(createCatalogue(BUILT_IN).entries).toEqual(builtIn.entries);
    for (const { name, sources } of BUILT_IN) {
      expect([name, sources.length > 0 && sources.every((source) => URL.canParse(source))]).toEqual([
        name,
        true,
      ]);
    }
  });

  it('finds an entry by its own token URL and by its name', () => {
    for (const entry of BUILT_IN) {
      expect(builtIn.named(entry.name)).toBe(entry);
      if (entry.tokenUrl !== undefined) expect(builtIn.find(entry.tokenUrl)).toBe(entry);
    }
  });

  it.each([
    'https://slack.com.evil.example/api/oauth.v2.access',
    'https://evilslack.com/token',
    'https://zendesk.com/oauth/tokens',
    'https://slack.com:8443/api/oauth.v2.access',
    'https://provider.example/token',
    'not a URL',
  ])('knows nothing about %s', (tokenUrl) => {
    expect(builtIn.find(tokenUrl)).toBeUndefined();
  });
});
