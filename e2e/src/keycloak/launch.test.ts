import assert from 'node:assert/strict';
import { createHmac, createPublicKey, type JsonWebKey } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { inflateRawSync } from 'node:zlib';
import { ProxyAgent, request } from 'undici';
import type { AuditEvent } from '@cairn/audit';
import { generateSigningKey, samlRequest, signJwt, type VerifiedLaunch } from '@cairn/identity';
import {
  Browser,
  OIDC_CLIENT,
  OTHER_ENTITY_ID,
  SAML_ENTITY_ID,
  startKeycloak,
  type Keycloak,
  type Person,
} from '../harness/keycloak/index.js';
import { startAgent } from '../attribution/agents.js';
import { startControlPlane } from '../harness/control-plane.js';
import { startHttpSink } from '../harness/http-sink.js';
import { startSidecar } from '../harness/sidecar.js';
import { cairnLaunch, startStand, type Refusal, type Stand } from './stand.js';

const HOUR_MS = 3_600_000;
const ACS = 'http://127.0.0.1:4321/saml/acs';

let keycloak: Keycloak;
let stand: Stand;

before(async () => {
  keycloak = await startKeycloak();
  stand = await startStand(keycloak);
});

after(async () => {
  await stand?.stop();
  await keycloak?.stop();
});

/** Where the provider is asked to send the browser back to. */
function homeOf(query: URLSearchParams): string {
  const saml = query.get('SAMLRequest');
  if (saml === null) return query.get('redirect_uri')!;
  return /AssertionConsumerServiceURL="([^"]+)"/.exec(inflateRawSync(Buffer.from(saml, 'base64')).toString())![1]!;
}

/** The person's browser, from the address that cairn shows to the loopback that cairn listens at. */
async function inBrowser(person: Person, url: string): Promise<void> {
  const home = homeOf(new URL(url).searchParams);
  const { url: back, form } = await new Browser(person).login(url, home);
  const response = await fetch(back, form ? { method: 'POST', body: form } : {});
  assert.equal(response.status, 200, await response.text());
}

function byOidc(person: Person, client = OIDC_CLIENT): Promise<string> {
  const words = ['--issuer', keycloak.issuer, '--client', client, '--scope', 'openid email profile'];
  return cairnLaunch(words, (url) => inBrowser(person, url));
}

function byDevice(person: Person): Promise<string> {
  const words = ['--device', '--issuer', keycloak.issuer, '--scope', 'openid email profile'];
  return cairnLaunch(words, (url) => new Browser(person).confirmDevice(url));
}

/** The assertion as the provider's form posts it, without cairn in between. */
async function assertionOf(person: Person, entityId = SAML_ENTITY_ID): Promise<string> {
  const { url } = await samlRequest(`${keycloak.issuer}/protocol/saml`, entityId, ACS);
  const { form } = await new Browser(person).login(url, ACS);
  return Buffer.from(form!.get('SAMLResponse')!, 'base64').toString('base64url');
}

function bySaml(person: Person, server = stand.url): Promise<string> {
  const words = ['--saml-metadata', keycloak.samlMetadata, '--entity-id', SAML_ENTITY_ID, '--server', server];
  return cairnLaunch(words, (url) => inBrowser(person, url));
}

function launchOf(outcome: VerifiedLaunch | Refusal): VerifiedLaunch {
  assert.ok('root' in outcome, JSON.stringify(outcome));
  return outcome;
}

const codeOf = (outcome: VerifiedLaunch | Refusal): string => ('code' in outcome ? outcome.code : 'launched');

describe('people of Keycloak', () => {
  test('log in by OpenID Connect (code and PKCE), and their groups arrive in the launch', async () => {
    const { root } = launchOf(await stand.launch(await byOidc('alice'), 'id_token'));
    assert.deepEqual([root.iss, root.name, root.groups, root.authn], [keycloak.issuer, 'alice@example.com', ['analysts'], 'oidc']);
  });

  test('log in by a device code, and their groups arrive in the launch', async () => {
    const { root } = launchOf(await stand.launch(await byDevice('bob'), 'id_token'));
    assert.deepEqual([root.name, root.groups], ['bob@example.com', ['db-owners']]);
  });

  test('log in by SAML, and the assertion becomes a launch with their groups', async () => {
    const { root } = launchOf(await stand.launch(await assertionOf('alice'), 'saml2'));
    assert.deepEqual(root, {
      iss: keycloak.issuer,
      sub: 'alice',
      name: 'alice@example.com',
      groups: ['analysts'],
      authn: 'saml',
    });
  });

  test('log in by SAML with cairn launch, for an access token that several agents take', async () => {
    const token = await bySaml('bob');
    const first = launchOf(await stand.launch(token, 'access_token', 'planner'));
    const second = launchOf(await stand.launch(token, 'access_token', 'researcher'));
    for (const { root } of [first, second])
      assert.deepEqual([root.name, root.groups, root.authn], ['bob@example.com', ['db-owners'], 'saml']);
    assert.notEqual(first.launch.id, second.launch.id);
  });
});

/** Members of db-owners may ask; the agent asks the sink for whoever asks it. */
const resources = (metadata: string): string => `
apiVersion: cairn.dev/v1alpha1
kind: AuditPolicy
metadata: {name: owners, namespace: research}
spec:
  selector: {}
  identity: {required: true, providers: [corp], maxDepth: 5, onAmbiguous: Deny}
  targets:
  - {name: sink, protocol: http, hosts: [sink.internal], port: 80}
  rules:
  - {name: owners, match: {groups: [db-owners]}, action: Allow}
  default: {action: Deny, level: Metadata}
  undeclared: Deny
---
apiVersion: cairn.dev/v1alpha1
kind: IdentityProvider
metadata: {name: corp}
spec:
  saml: {metadata: "${metadata}", entityId: "${SAML_ENTITY_ID}", groupsAttribute: groups, usernameAttribute: email}
`;

test('an agent acts for people who logged in by SAML, by what their groups may do, and the evidence names them', async (t) => {
  const plane = await startControlPlane(resources(keycloak.samlMetadata));
  t.after(() => plane.stop());
  const [sink, agent] = [await startHttpSink(), await startAgent()];
  t.after(() => sink.close());
  const sidecar = await startSidecar({ plane, serves: agent.port, resolve: { 'sink.internal:80': sink.address } });
  t.after(() => sidecar.stop());
  agent.proxy = new ProxyAgent(sidecar.proxyUrl);
  agent.next = 'http://sink.internal';
  t.after(() => agent.close());
  const ask = async (token: string, path: string): Promise<number> => {
    const { statusCode, body } = await request(`${sidecar.inboundUrl}${path}?manners=handle`, {
      headers: { authorization: `Bearer ${token}` },
    });
    await body.dump();
    return statusCode;
  };
  assert.equal(await ask(await bySaml('bob', plane.url), '/bob'), 200);
  assert.equal(await ask(await bySaml('alice', plane.url), '/alice'), 403);
  assert.equal(await ask('nobody', '/nobody'), 401);
  assert.deepEqual([...sink.reached], ['/bob?manners=handle']);
  const outbound = (events: AuditEvent[]): AuditEvent[] =>
    events.filter(({ stage, session }) => stage === 'intent' && session?.direction === 'outbound');
  const intents = outbound(await sidecar.eventsWhen((events) => outbound(events).length === 2));
  assert.deepEqual(
    intents.map(({ root, decision }) => [root?.name, root?.groups, root?.authn, decision?.action]),
    [
      ['bob@example.com', ['db-owners'], 'saml', 'Allow'],
      ['alice@example.com', ['analysts'], 'saml', 'Deny'],
    ],
  );
});

describe('what is refused', () => {
  test('an assertion that was used', async () => {
    const assertion = await assertionOf('alice');
    launchOf(await stand.launch(assertion, 'saml2'));
    assert.equal(codeOf(await stand.launch(assertion, 'saml2')), 'replayed');
    assert.equal(codeOf(await stand.launch(assertion, 'saml2', 'researcher')), 'replayed');
  });

  test('tokens and assertions for somebody else', async () => {
    assert.equal(codeOf(await stand.launch(await byOidc('alice', 'other'), 'id_token')), 'audience');
    assert.equal(codeOf(await stand.launch(await assertionOf('alice', OTHER_ENTITY_ID), 'saml2')), 'audience');
  });

  test('tokens and assertions that have expired', async () => {
    const later = await startStand(keycloak, () => Date.now() + HOUR_MS);
    try {
      assert.equal(codeOf(await later.launch(await byOidc('alice'), 'id_token')), 'expired');
      assert.equal(codeOf(await later.launch(await assertionOf('alice'), 'saml2')), 'expired');
    } finally {
      await later.stop();
    }
  });

  test('the same claims unsigned, signed with the public key as a secret, or with a key of a stranger', async () => {
    const [head, body] = (await byOidc('alice')).split('.') as [string, string, string];
    const { kid } = JSON.parse(Buffer.from(head, 'base64url').toString()) as { kid: string };
    const header = (alg: string): string => Buffer.from(JSON.stringify({ alg, kid, typ: 'JWT' })).toString('base64url');
    assert.equal(codeOf(await stand.launch(`${header('none')}.${body}.`, 'id_token')), 'algorithm');
    const jwks = (await (await fetch(`${keycloak.issuer}/protocol/openid-connect/certs`)).json()) as {
      keys: (JsonWebKey & { kid: string })[];
    };
    const key = createPublicKey({ key: jwks.keys.find((each) => each.kid === kid)!, format: 'jwk' }).export({
      type: 'spki',
      format: 'pem',
    });
    const text = `${header('HS256')}.${body}`;
    const confused = `${text}.${createHmac('sha256', key).update(text).digest('base64url')}`;
    assert.equal(codeOf(await stand.launch(confused, 'id_token')), 'algorithm');
    const claims = JSON.parse(Buffer.from(body, 'base64url').toString()) as object;
    assert.equal(codeOf(await stand.launch(await signJwt(await generateSigningKey(), 'JWT', claims), 'id_token')), 'unknown-key');
  });

  test('an assertion whose groups somebody changed', async () => {
    const xml = Buffer.from(await assertionOf('alice'), 'base64url').toString();
    const changed = Buffer.from(xml.replace('>analysts<', '>db-owners<')).toString('base64url');
    assert.equal(codeOf(await stand.launch(changed, 'saml2')), 'signature');
  });
});

test('a new key of the realm is followed at once, and what the old one signed still holds', async () => {
  const [token, assertion] = [await byOidc('alice'), await assertionOf('alice')];
  await keycloak.rotateKey();
  const { root } = launchOf(await stand.launch(await byOidc('bob'), 'id_token'));
  assert.deepEqual(root.groups, ['db-owners']);
  assert.deepEqual(launchOf(await stand.launch(await assertionOf('bob'), 'saml2')).root.groups, ['db-owners']);
  launchOf(await stand.launch(token, 'id_token'));
  launchOf(await stand.launch(assertion, 'saml2'));
});
