import assert from 'node:assert/strict';
import { createHmac, createPublicKey, type JsonWebKey } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { inflateRawSync } from 'node:zlib';
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
function homeOf(request: URLSearchParams): string {
  const saml = request.get('SAMLRequest');
  if (saml === null) return request.get('redirect_uri')!;
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

function bySaml(person: Person): Promise<string> {
  const words = ['--saml-metadata', keycloak.samlMetadata, '--entity-id', SAML_ENTITY_ID, '--server', stand.url];
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
