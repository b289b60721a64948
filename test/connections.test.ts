/** Agents use the tokens that they are connected to, for callers who may act for the owners. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startVault, type Tenant, type TestVault } from './support/vault.ts';

let vault: TestVault;
let tenant: Tenant;
let platform: string;

beforeAll(async () => {
  vault = await startVault();
  tenant = await vault.newTenant();
  platform = await vault.newKey(tenant, { userId: 'platform', actsFor: 'organization' });
});

afterAll(() => vault.close());

let count = 0;
const newUser = async (role: 'member' | 'admin' = 'member') => {
  const userId = `user-${count++}`;
  return { userId, key: await vault.newKey(tenant, { userId, role }) };
};
const newAgent = () => `agent ${count++} / é`;

const pathOf = (agent: string) => `/v2/auth/agents/${encodeURIComponent(agent)}/connections`;

async function give(key: string, token: object = {}): Promise<string> {
  const json = { provider_id: 'slack', access_token: 'xoxb', ...token };
  return String(Object((await vault.import(key, json)).body).token_id);
}

const connect = (key: string, agent: string, oauth_token_id: string) =>
  vault.call('POST', pathOf(agent), { key, json: { oauth_token_id } });

const list = async (key: string, agent: string): Promise<unknown[]> =>
  Object((await vault.call('GET', pathOf(agent), { key })).body).data;

const remove = async (key: string, agent: string, id: unknown) =>
  (await vault.call('DELETE', `${pathOf(agent)}/${id}`, { key })).status;

const authenticate = async (key: string, agent_id: string, json: object = {}) => {
  const whole = { provider: 'slack', scopes: [], agent_id, ...json };
  return (await vault.call('POST', '/v2/auth/authenticate', { key, json: whole })).body;
};

describe('a new connection', () => {
  it('is answered with what is known of the token', async () => {
    const { key, userId } = await newUser();
    const agent = newAgent();
    const id = await give(key, { scopes: ['chat:write'], expires_in_seconds: 3600 });
    const { status, body } = await connect(key, agent, id);
    expect(status).toBe(201);
    expect(body).toEqual({
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      agent_id: agent,
      oauth_token_id: id,
      provider_id: 'slack',
      provider_account_label: null,
      scopes: ['chat:write'],
      expires_at: expect.stringMatching(/Z$/),
      created_by: userId,
      created_at: expect.stringMatching(/Z$/),
    });
    expect(await list(key, agent)).toEqual([body]);
  });

  it("takes the place of the user's earlier one", async () => {
    const { key } = await newUser();
    const agent = newAgent();
    const first = Object((await connect(key, agent, await give(key))).body);
    const second = Object((await connect(key, agent, await give(key))).body);
    expect(await list(key, agent)).toEqual([second]);
    expect(await remove(key, agent, first.id)).toBe(404);
  });

  it("does not take the place of another user's, which would change the agent's account in silence: 409", async () => {
    const [alice, mallory, admin] = [await newUser(), await newUser(), await newUser('admin')];
    const agent = newAgent();
    await connect(alice.key, agent, await give(alice.key));
    expect((await connect(mallory.key, agent, await give(mallory.key))).status).toBe(409);
    expect((await connect(admin.key, agent, await give(admin.key))).status).toBe(201);
    expect(await list(alice.key, agent)).toEqual([]);
  });

  it('is one, however many requests make it at once', async () => {
    const { key } = await newUser();
    const agent = newAgent();
    const id = await give(key);
    const answers = await Promise.all(Array.from({ length: 10 }, () => connect(key, agent, id)));
    expect(answers.map(({ status }) => status)).toEqual(Array(10).fill(201));
    expect(await list(key, agent)).toHaveLength(1);
  });

  it.each([
    ["another user's token", async () => give((await newUser()).key)],
    ["another organization's token", async () => give((await vault.newTenant()).apiKey)],
    ['an unknown token', async () => '01890000-0000-7000-8000-000000000001'],
    ['no UUID', async () => 'x'],
  ])('to %s is the 404 of an unknown token, also for admins', async (_, tokenId) => {
    const { key } = await newUser('admin');
    const { status, body } = await connect(key, newAgent(), await tokenId());
    expect({ status, body }).toEqual({ status: 404, body: { detail: 'OAuth token not found' } });
  });

  it('can be made for any owner by a key that acts for its organization', async () => {
    const { key } = await newUser();
    const answer = await connect(platform, newAgent(), await give(key));
    expect(answer).toMatchObject({ status: 201, body: { created_by: 'platform' } });
  });

  it.each([
    ['', 404],
    ['x'.repeat(256), 422],
    ['a\nb', 422],
    ['\u0000', 422],
  ])('refuses the agent id %j', async (agent, status) => {
    const { key } = await newUser();
    expect((await connect(key, agent, await give(key))).status).toBe(status);
  });
});

describe('listing', () => {
  it('shows admins all of an agent, and others what they own', async () => {
    const [alice, bob, admin] = [await newUser(), await newUser(), await newUser('admin')];
    const agent = newAgent();
    await connect(alice.key, agent, await give(alice.key));
    expect(await list(bob.key, agent)).toEqual([]);
    expect(await list(admin.key, agent)).toHaveLength(1);
    expect(await list((await vault.newTenant()).apiKey, agent)).toEqual([]);
  });
});

describe('removing', () => {
  it.each(['owner', 'creator', 'admin', 'stranger'])(
    'is for the owner, the creator and admins: %s',
    async (who) => {
      const [owner, admin, stranger] = [await newUser(), await newUser('admin'), await newUser()];
      const agent = newAgent();
      const { id } = Object((await connect(platform, agent, await give(owner.key))).body);
      const creator = { key: await vault.newKey(tenant, { userId: 'platform' }) };
      const { key } = { owner, creator, admin, stranger }[who] ?? stranger;
      expect(await remove(key, agent, id)).toBe(who === 'stranger' ? 404 : 204);
      expect(await list(owner.key, agent)).toHaveLength(who === 'stranger' ? 1 : 0);
    },
  );

  it('names the agent: under another one it is 404', async () => {
    const { key } = await newUser();
    const agent = newAgent();
    const { id } = Object((await connect(key, agent, await give(key))).body);
    expect(await remove(key, newAgent(), id)).toBe(404);
    expect(await remove(key, agent, 'x')).toBe(404);
    expect(await remove(key, agent, id)).toBe(204);
  });

  it('goes with the token, whose deletion takes the connection along', async () => {
    const { key } = await newUser();
    const agent = newAgent();
    const token = await give(key);
    await connect(key, agent, token);
    expect((await vault.call('DELETE', `/v2/auth/tokens/${token}`, { key })).status).toBe(204);
    expect(await list(key, agent)).toEqual([]);
  });
});

describe('authenticate with an agent', () => {
  it("gives the connected token out instead of the user's default", async () => {
    const { key, userId } = await newUser();
    const agent = newAgent();
    const id = await give(key, { access_token: 'connected', is_default: false });
    await give(key, { access_token: 'default' });
    await connect(key, agent, id);
    expect(await authenticate(key, agent)).toMatchObject({
      status: 'completed',
      token: 'connected',
      user_id: userId,
    });
    expect(await authenticate(key, newAgent())).toMatchObject({ token: 'default' });
    expect(await authenticate(key, agent, { force_new: true })).toMatchObject({ status: 'pending' });
  });

  it("gives a platform the token of the connection's owner, and records the agent", async () => {
    const { key, userId } = await newUser();
    const agent = newAgent();
    const id = await give(key, { access_token: 'of the owner' });
    await connect(key, agent, id);
    expect(await authenticate(platform, agent)).toMatchObject({ token: 'of the owner', user_id: userId });
    const records = await vault.db('audit_records').where({ action: 'token.release', object_id: id });
    expect(records).toMatchObject([{ agent_id: agent, user_id: 'platform' }]);
  });

  it('is not enough to get the token of somebody else', async () => {
    const [alice, mallory] = [await newUser(), await newUser()];
    const agent = newAgent();
    await connect(alice.key, agent, await give(alice.key, { access_token: 'of alice' }));
    expect(await authenticate(mallory.key, agent)).toMatchObject({ status: 'pending', token: null });
    expect(await authenticate(mallory.key, agent, { check_only: true })).toMatchObject({ status: 'pending' });
  });

  it('is connection_required where the agent has none and nobody is there to consent', async () => {
    expect(await authenticate(platform, newAgent())).toMatchObject({
      status: 'connection_required',
      url: null,
    });
  });

  it('is token_expired where the connected token is dead and nobody is there to consent', async () => {
    const { key } = await newUser();
    const agent = newAgent();
    await connect(key, agent, await give(key, { expires_in_seconds: 0 }));
    expect(await authenticate(platform, agent)).toEqual({
      status: 'token_expired',
      token: null,
      url: null,
      auth_id: null,
      user_id: null,
      metadata: null,
    });
  });

  it("asks the owner for a new consent, also where the owner's default is another token", async () => {
    const { key } = await newUser();
    const agent = newAgent();
    const id = await give(key, { expires_in_seconds: 0, is_default: false });
    await give(key, { access_token: 'default' });
    await connect(key, agent, id);
    const { status, auth_id } = Object(await authenticate(key, agent));
    expect(status).toBe('pending');
    const [begun] = await vault.db('authorizations').where({ id: auth_id });
    expect(begun).toMatchObject({ replaces_token_id: id });
  });

  it("falls back to the named user's own token where the connected one is another's and dead", async () => {
    const [alice, bob] = [await newUser(), await newUser()];
    const agent = newAgent();
    await connect(alice.key, agent, await give(alice.key, { expires_in_seconds: 0 }));
    await give(bob.key, { access_token: 'of bob' });
    const answer = await authenticate(platform, agent, { user_id: bob.userId });
    expect(answer).toMatchObject({ token: 'of bob', user_id: bob.userId });
  });
});
