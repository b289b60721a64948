import type { CatalogueEntry } from '../catalogue-entry.ts';

const text = { type: 'string', minLength: 1, maxLength: 255 } as const;
const texts = { type: 'array', items: text, maxItems: 50 } as const;
const parameters = { type: 'object', additionalProperties: text, maxProperties: 50 } as const;
const seconds = { type: 'integer', minimum: 1, maximum: 315_360_000 } as const;
const url = { type: 'string', format: 'provider-url', maxLength: 2048 } as const;

/** RFC 9110, section 5.6.2. Fields of the connection and of the body are ours. */
const headerName = {
  type: 'string',
  pattern:
    "^(?!(?:[Cc]ontent-|[Tt]ransfer-|[Hh]ost$|[Cc]onnection$|[Aa]uthorization$))[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}$",
  description: 'a header of its own, such as X-Version',
} as const;
const headerValue = {
  type: 'string',
  pattern: '^[!-~](?:[ -~]{0,253}[!-~])?$',
  description: 'up to 255 characters of ASCII',
} as const;

/** A URL that may hold placeholders, the first of them perhaps in place of the origin. */
const urlTemplate = {
  type: 'string',
  pattern: '^(https://|\\{origin\\}/|\\{metadata\\.[\\w.-]+\\}/)',
  description: 'an https URL, or {origin} or {metadata.NAME} and a path',
  maxLength: 2048,
} as const;

const refresh = {
  type: 'object',
  additionalProperties: false,
  properties: {
    url,
    method: { enum: ['POST', 'GET'] },
    parametersIn: { enum: ['body', 'query'] },
    redeems: { enum: ['refresh_token', 'access_token'] },
    tokenParameter: text,
    grantType: text,
  } satisfies Record<keyof NonNullable<CatalogueEntry['refresh']>, object>,
};

const reuse = {
  type: 'object',
  required: ['class'],
  discriminator: { propertyName: 'class' },
  oneOf: [
    { additionalProperties: false, properties: { class: { enum: ['none', 'until-used', 'not-rotating'] } } },
    {
      additionalProperties: false,
      required: ['seconds'],
      properties: { class: { const: 'window' }, seconds },
    },
  ],
};

const revocation = {
  type: 'object',
  required: ['url', 'token'],
  additionalProperties: false,
  properties: {
    url: urlTemplate,
    method: { enum: ['POST', 'DELETE', 'GET'] },
    format: { enum: ['form', 'json', 'query', 'none'] },
    token: { enum: ['access_token', 'refresh_token'] },
    tokenParameter: text,
    authentication: { enum: ['client', 'client_secret_post', 'client_secret_basic', 'bearer', 'none'] },
    tokenHeader: headerName,
    headers: {
      type: 'object',
      propertyNames: headerName,
      additionalProperties: headerValue,
      maxProperties: 20,
    },
    fieldRenames: parameters,
    ends: { enum: ['grant', 'account'] },
  } satisfies Record<keyof NonNullable<CatalogueEntry['revocation']>, object>,
};

const errorCodes = {
  type: 'object',
  additionalProperties: false,
  properties: { grantDead: texts, clientWrong: texts } satisfies Record<
    keyof NonNullable<CatalogueEntry['errorCodes']>,
    object
  >,
};

/** JSON Schema of an entry (`CatalogueEntry`). Format `provider-url`: as an organization's provider has it. */
export const entrySchema = {
  type: 'object',
  required: ['name', 'displayName', 'match', 'sources'],
  additionalProperties: false,
  properties: {
    name: {
      type: 'string',
      pattern: '^[a-z0-9][a-z0-9-]{0,62}$',
      description: '1 to 63 of the characters a-z 0-9 -',
    },
    displayName: text,
    providerType: { enum: ['slack', 'microsoft', 'salesforce'] },
    authorizationUrl: url,
    tokenUrl: url,
    match: {
      type: 'array',
      minItems: 1,
      maxItems: 50,
      items: {
        type: 'string',
        pattern: '^(\\*\\.)?[a-z0-9-]+(\\.[a-z0-9-]+)*(:\\d{1,5})?$',
        maxLength: 255,
        description: 'a host in lower case, perhaps with a port, such as api.example.com or *.example.com',
      },
    },
    clientAuthentication: {
      enum: ['client_secret_post', 'client_secret_basic', 'none', 'secret_as_username'],
    },
    pkce: { enum: ['yes', 'no'] },
    extraScopes: texts,
    scopeSeparator: { enum: [' ', ','] },
    scopeParameter: text,
    extraAuthorizationParameters: parameters,
    removedAuthorizationParameters: texts,
    responseMode: { const: 'query' },
    requestFormat: { enum: ['form', 'json'] },
    fieldRenames: parameters,
    callbackRenames: parameters,
    extraTokenParameters: parameters,
    requestedExpirySeconds: seconds,
    assumedExpirySeconds: seconds,
    tokenOriginParameter: text,
    envelopes: texts,
    metadataFromAnswer: texts,
    metadataFromCallback: texts,
    installationsUrl: url,
    refresh,
    reuse,
    revocation,
    errorCodes,
    issuer: url,
    sendsIssuer: { type: 'boolean' },
    sources: { type: 'array', items: text, maxItems: 50 },
  } satisfies Record<keyof CatalogueEntry, object>,
};
