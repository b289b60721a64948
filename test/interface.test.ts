/** The served document against the interface that the published clients are written for. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import type { Document } from 'openapi-backend';

/** A list of fields. A field is text unless it has a type; `?` marks one that may be absent. */
type Fields = string;

const PROVIDER =
  'id organization_id provider_id name client_id auth_url token_url uses_pkce:boolean created_at updated_at ' +
  'code_challenge_method:null|string provider_type?:null|string mcp_server_url?:null|string ' +
  'token_endpoint_auth_method? is_dynamic_client?:boolean';
const NEW_PROVIDER =
  'provider_id name client_id auth_url token_url client_secret?:null|string uses_pkce?:boolean ' +
  'code_challenge_method? provider_type?:microsoft|null|salesforce|slack ' +
  'token_endpoint_auth_method?:client_secret_basic|client_secret_post|none';
const CHANGED_PROVIDER =
  'name?:null|string client_id?:null|string client_secret?:null|string auth_url?:null|string ' +
  'token_url?:null|string uses_pkce?:boolean|null code_challenge_method?:null|string';
const TOKEN =
  'id provider_id created_at updated_at provider_account_label?:null|string scopes?:string[] ' +
  'expires_at?:null|string is_default?:boolean';
const IMPORT =
  'provider_id access_token refresh_token?:null|string expires_in_seconds?:integer|null scopes?:string[] ' +
  'metadata?:null|object is_default?:boolean';
const WISH =
  'provider scopes:string[] user_id?:null|string ls_user_id?:null|string agent_id?:null|string ' +
  'use_agent_builder_public_oauth?:boolean force_new?:boolean token_id?:null|string is_default?:boolean';
const GIVEN =
  'status:completed|connection_required|pending|token_expired url?:null|string auth_id?:null|string ' +
  'token?:null|string user_id?:null|string metadata?:null|object';
const CONNECTION =
  'id agent_id oauth_token_id provider_id provider_account_label:null|string scopes:string[] ' +
  'expires_at:null|string created_by created_at';
const CALLBACK = 'provider_id code? state? error? error_description?';

interface Fact {
  readonly id: string;
  /** In path and query. */
  readonly parameters?: Fields;
  readonly body?: Fields;
  readonly status?: number;
  /** Undefined: any content, or none. A list of objects has its name in `list`; `''` is the answer itself. */
  readonly answer?: Fields;
  readonly list?: string;
}

const FACTS: Readonly<Record<string, Fact>> = {
  'GET providers': { id: 'list_oauth_providers_v2_auth_providers_get', answer: PROVIDER, list: '' },
  'POST providers': {
    id: 'create_oauth_provider_v2_auth_providers_post',
    body: NEW_PROVIDER,
    answer: PROVIDER,
  },
  'POST providers/mcp-discover': {
    id: 'create_mcp_oauth_provider_v2_auth_providers_mcp_discover_post',
    body: 'provider_id name mcp_server_url',
    answer: PROVIDER,
  },
  'GET providers/{provider_id}': {
    id: 'get_oauth_provider_v2_auth_providers__provider_id__get',
    parameters: 'provider_id',
    answer: PROVIDER,
  },
  'PATCH providers/{provider_id}': {
    id: 'update_oauth_provider_v2_auth_providers__provider_id__patch',
    parameters: 'provider_id',
    body: CHANGED_PROVIDER,
    answer: PROVIDER,
  },
  'DELETE providers/{provider_id}': {
    id: 'delete_oauth_provider_v2_auth_providers__provider_id__delete',
    parameters: 'provider_id',
    answer: 'message provider_id', // read by the published client
  },
  'POST authenticate': { id: 'authenticate_v2_auth_authenticate_post', body: WISH, answer: GIVEN },
  'GET wait/{auth_id}': {
    id: 'wait_for_auth_completion_v2_auth_wait__auth_id__get',
    parameters: 'auth_id timeout?:integer',
    answer: 'status:completed|not_found|pending|timeout token?:null|string',
  },
  'GET callback/{provider_id}': {
    id: 'oauth_callback_get_v2_auth_callback__provider_id__get',
    parameters: CALLBACK,
  },
  'POST callback/{provider_id}': {
    id: 'oauth_callback_v2_auth_callback__provider_id__post',
    parameters: 'provider_id',
    body: 'code state',
  },
  'GET setup/{provider_id}': {
    id: 'oauth_setup_callback_v2_auth_setup__provider_id__get',
    parameters: `${CALLBACK} setup_action? installation_id?:integer`,
  },
  'POST tokens/import': {
    id: 'import_oauth_token_v2_auth_tokens_import_post',
    body: IMPORT,
    answer: 'token_id',
  },
  'GET tokens': {
    id: 'list_oauth_tokens_for_user_v2_auth_tokens_get',
    parameters: 'provider_id?:null|string',
    answer: TOKEN,
    list: '',
  },
  'DELETE tokens': {
    id: 'delete_oauth_tokens_for_user_v2_auth_tokens_delete',
    parameters: 'provider_id',
    answer: 'message provider_id', // read by the published client
  },
  'GET tokens/exists': {
    id: 'check_oauth_token_exists_v2_auth_tokens_exists_get',
    parameters: 'provider_id',
    answer: 'has_token:boolean',
  },
  'PATCH tokens/{token_id}/metadata': {
    id: 'update_token_label_v2_auth_tokens__token_id__metadata_patch',
    parameters: 'token_id',
    body: 'provider_account_label?:null|string is_default?:boolean|null',
    answer: TOKEN,
  },
  'DELETE tokens/{token_id}': {
    id: 'delete_single_oauth_token_v2_auth_tokens__token_id__delete',
    parameters: 'token_id',
    status: 204,
  },
  'GET tokens/workspace/slack/exists': {
    id: 'check_workspace_slack_tokens_exist_v2_auth_tokens_workspace_slack_exists_get',
    answer: 'has_token:boolean',
  },
  'DELETE tokens/workspace/slack': {
    id: 'revoke_all_slack_tokens_for_workspace_v2_auth_tokens_workspace_slack_delete',
  },
  'GET agents/{agent_id}/connections': {
    id: 'list_connections_v2_auth_agents__agent_id__connections_get',
    parameters: 'agent_id',
    answer: CONNECTION,
    list: 'data',
  },
  'POST agents/{agent_id}/connections': {
    id: 'create_connection_v2_auth_agents__agent_id__connections_post',
    parameters: 'agent_id',
    body: 'oauth_token_id',
    status: 201,
    answer: CONNECTION,
  },
  'DELETE agents/{agent_id}/connections/{connection_id}': {
    id: 'remove_connection_v2_auth_agents__agent_id__connections__connection_id__delete',
    parameters: 'agent_id connection_id',
    status: 204,
  },
};

const document: Document = JSON.parse(
  readFileSync(fileURLToPath(new URL('../generated/openapi.json', import.meta.url)), 'utf8'),
);

/** A part of the document as its JSON is, references followed. */
function at(part: unknown, ...names: readonly string[]): Record<string, unknown> {
  const { $ref, ...own } = Object(part);
  const [name, ...rest] = names;
  if (typeof $ref === 'string') return at(document, ...$ref.slice(2).split('/'), ...names);
  return name === undefined ? own : at(own[name], ...rest);
}

/** The types that a value may have, in the order of the alphabet; of a choice, the values. */
function typeOf(schema: unknown): string {
  const { type, items, anyOf, enum: values } = at(schema);
  const types = Array.isArray(anyOf)
    ? anyOf.map(typeOf).flatMap((one) => one.split('|'))
    : Array.isArray(values)
      ? values.map(String)
      : [type === 'array' ? `${typeOf(items)}[]` : String(type)];
  return [...new Set(types)].sort().join('|');
}

type Signature = Readonly<Record<string, { readonly type: string; readonly isRequired: boolean }>>;

const stated = (fields: Fields = ''): Signature =>
  Object.fromEntries(
    fields
      .split(' ')
      .filter((field) => field !== '')
      .map((field) => {
        const [, name = '', mark, type = 'string'] = /^(\w+)(\??)(?::(.*))?$/.exec(field) ?? [];
        return [name, { type, isRequired: mark === '' }];
      }),
  );

function fieldsOf(schema: unknown): Signature {
  const { properties = {}, required = [], allOf = [] } = at(schema);
  const own = Object.fromEntries(
    Object.entries(Object(properties)).map(([name, property]) => [
      name,
      { type: typeOf(property), isRequired: Object(required).includes(name) },
    ]),
  );
  return Object.assign(own, ...Object.values(Object(allOf)).map(fieldsOf));
}

const parametersOf = ({ parameters = [] }: Record<string, unknown>): Signature =>
  Object.fromEntries(
    Object.values(Object(parameters))
      .map((parameter) => at(parameter))
      .filter((parameter) => parameter['in'] !== 'header')
      .map(({ name, schema, required }) => [
        String(name),
        { type: typeOf(schema), isRequired: required === true },
      ]),
  );

const required = (signature: Signature): readonly string[] =>
  Object.keys(signature).filter((name) => signature[name]?.isRequired === true);

it('the document has the 22 operations of the interface, and no others', () => {
  const served = Object.entries(document.paths ?? {}).flatMap(([path, methods]) =>
    Object.keys(Object(methods)).map((method) => `${method.toUpperCase()} ${path.replace('/v2/auth/', '')}`),
  );
  expect(served.sort()).toEqual(Object.keys(FACTS).sort());
});

describe.each(Object.entries(FACTS))('%s', (route, { id, parameters, body, status = 200, answer, list }) => {
  const [method = '', path = ''] = route.split(' ');
  const operation = at(document, 'paths', `/v2/auth/${path}`, method.toLowerCase());
  const json = ['content', 'application/json', 'schema'];

  it('takes what clients send, and demands no more', () => {
    expect(operation['operationId']).toBe(id);
    expect(parametersOf(operation)).toMatchObject(stated(parameters));
    expect(required(parametersOf(operation))).toEqual(required(stated(parameters)));
    const taken = fieldsOf(at(operation, 'requestBody', ...json));
    expect(taken).toMatchObject(stated(body));
    expect(required(taken).toSorted()).toEqual(required(stated(body)).toSorted());
    const { detail } = fieldsOf(at(operation, 'responses', '422', ...json));
    const hasInput = parameters !== undefined || body !== undefined;
    expect(detail?.type).toBe(hasInput ? 'object[]' : undefined);
  });

  it('answers what clients read', () => {
    const answers = Object.keys(at(operation, 'responses'));
    expect(answers.filter((one) => one.startsWith('2'))).toEqual([String(status)]);
    const whole = at(operation, 'responses', String(status), ...json);
    const listed = list === '' ? whole : at(whole, 'properties', list ?? '');
    const given = fieldsOf(list === undefined ? whole : at(listed, 'items'));
    for (const [name, { type, isRequired }] of Object.entries(stated(answer))) {
      expect([name, given[name]?.type]).toEqual([name, type]);
      if (isRequired) expect(required(given)).toContain(name);
    }
  });
});
