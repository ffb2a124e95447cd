import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { ASSERTION_SECONDS, CLOCK_SKEW_SECONDS, SAML_BYTES, SAML_DEPTH } from '../limits.js';
import type { IdentityError } from '../types.js';
import {
  ACS,
  assertionXml,
  encoded,
  ENTITY_ID,
  responseXml,
  RSA_SHA1,
  samlKey,
  signed,
  startSamlProvider,
  type AssertionParts,
  type SamlProvider,
} from './fixture.js';
import { readSamlMessage } from './message.js';
import { UsedOnce } from './replays.js';
import { createSamlVerifier, type SamlVerifier, type SamlVerifierOptions, type VerifiedAssertion } from './verifier.js';

const SKEW_MS = CLOCK_SKEW_SECONDS * 1000;

interface Stand {
  provider: SamlProvider;
  verifier: SamlVerifier;
  verify: (text: string, inResponseTo?: string) => Promise<VerifiedAssertion>;
}

async function start(t: TestContext, more: Partial<SamlVerifierOptions> = {}): Promise<Stand> {
  const provider = await startSamlProvider(t);
  const { metadata } = provider;
  const spec = { metadata, entityId: ENTITY_ID, groupsAttribute: 'groups', recipients: [] };
  const verifier = createSamlVerifier({ ...spec, replays: new UsedOnce(), ...more });
  return { provider, verifier, verify: async (text, request) => verifier.verify(await readSamlMessage(text), request) };
}

const refusal =
  (code: IdentityError['code'], says = /./) =>
  (error: IdentityError): true => {
    assert.equal(error.code, code, error.message);
    assert.match(error.message, says);
    return true;
  };

test('a signed assertion names the person with all groups', async (t) => {
  const { provider, verifier, verify } = await start(t, { usernameAttribute: 'email' });
  const { principal, sessionEnd } = await verify(provider.login(), '_request');
  assert.deepEqual(principal, {
    iss: provider.entityId,
    sub: 'alice',
    name: 'alice@example.com',
    groups: ['analysts', 'staff'],
    authn: 'saml',
  });
  assert.ok(sessionEnd! > Date.now() / 1000);
  assert.equal(await verifier.issuer(), provider.entityId);
});

test('without usernameAttribute the NameID is the name, and an assertion by itself is as good as a response', async (t) => {
  const { provider, verify } = await start(t);
  const xml = `<?xml version="1.0" encoding="UTF-8"?>\n${signed(assertionXml(provider.entityId), 'Assertion', provider.key)}`;
  assert.equal((await verify(encoded(xml))).principal.name, 'alice');
});

test('a response that is signed as well must hold as a whole', async (t) => {
  const { provider, verify } = await start(t);
  const inner = signed(assertionXml(provider.entityId), 'Assertion', provider.key);
  const both = signed(responseXml(provider.entityId, inner), 'Response', provider.key);
  await assert.rejects(
    verify(encoded(both.replace('Version="2.0"><saml:Issuer', 'Version="2.0" Consent="x"><saml:Issuer'))),
    refusal('signature'),
  );
  assert.equal((await verify(encoded(both))).principal.sub, 'alice');
});

test('an assertion is good for one use, also when it comes twice at once', async (t) => {
  const { provider, verify } = await start(t);
  const login = provider.login();
  const outcomes = await Promise.allSettled([verify(login), verify(login)]);
  assert.deepEqual(outcomes.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
  await assert.rejects(verify(login), refusal('replayed', /log in again/));
});

test('a refused assertion is not used up', async (t) => {
  const { provider, verify } = await start(t);
  const login = provider.login();
  await assert.rejects(verify(login, '_another-request'), refusal('claims', /does not answer the request/));
  await verify(login, '_request');
});

const WRONG: [name: string, parts: Partial<AssertionParts>, code: IdentityError['code'], says: RegExp][] = [
  ['another issuer', { issuer: 'https://elsewhere.example' }, 'issuer', /another issuer/],
  ['another audience', { audience: 'https://elsewhere.example' }, 'audience', /another audience/],
  ['another recipient', { recipient: 'https://elsewhere.example/saml/acs' }, 'audience', /spec.saml.recipients/],
  ['a recipient that only looks like the loopback', { recipient: 'http://127.0.0.1.evil.example:1/saml/acs' }, 'audience', /./],
  ['conditions that ended', { notOnOrAfter: -SKEW_MS - 1000 }, 'expired', /log in again/],
  ['a confirmation that ended', { confirmedUntil: -SKEW_MS - 1000 }, 'expired', /log in again/],
  ['a session that ended', { sessionUntil: -SKEW_MS - 1000 }, 'expired', /log in again/],
  ['an age beyond the limit', { issued: -(ASSERTION_SECONDS + CLOCK_SKEW_SECONDS + 1) * 1000 }, 'expired', /log in again/],
  ['conditions that begin later', { notBefore: SKEW_MS + 5000 }, 'not-yet-valid', /clocks/],
  ['an issue in the future', { issued: SKEW_MS + 5000 }, 'not-yet-valid', /clocks/],
  ['a transient NameID', { nameIdFormat: 'urn:oasis:names:tc:SAML:2.0:nameid-format:transient' }, 'claims', /persistent/],
  ['a NameID with a line break', { nameId: 'a&#10;b' }, 'claims', /NameID/],
  ['no authentication', { authentication: '' }, 'claims', /AuthnStatement/],
  ['a holder-of-key confirmation', { method: 'urn:oasis:names:tc:SAML:2.0:cm:holder-of-key' }, 'claims', /bearer/],
  ['a condition nobody knows', { conditions: '<x:Moon xmlns:x="urn:x"/>' }, 'claims', /not understood/],
  [
    'another audience beside ours',
    { conditions: '<saml:AudienceRestriction><saml:Audience>x</saml:Audience></saml:AudienceRestriction>' },
    'audience',
    /./,
  ],
  ['more groups than are carried', { groups: Array.from({ length: 201 }, (_, i) => `g${i}`) }, 'claims', /more than 200 groups/],
];

test('what an assertion says wrongly is told', async (t) => {
  const { provider, verify } = await start(t);
  for (const [name, parts, code, says] of WRONG) {
    await t.test(name, () => assert.rejects(verify(provider.login(parts)), refusal(code, says)));
  }
});

test('clocks may differ by the tolerated skew and no more', async (t) => {
  const { provider, verify } = await start(t);
  await verify(provider.login({ notOnOrAfter: -SKEW_MS + 5000, notBefore: -2 * SKEW_MS }));
  await verify(provider.login({ notBefore: SKEW_MS - 5000, issued: SKEW_MS - 5000 }));
  await assert.rejects(verify(provider.login({ notOnOrAfter: -SKEW_MS - 1 })), refusal('expired'));
});

test('recipients are the listed ones, the own endpoints and the loopback of cairn launch', async (t) => {
  const { provider, verify } = await start(t, {
    recipients: ['https://app.example/acs'],
    endpoints: ['https://cairn.example/oauth2/token'],
  });
  for (const recipient of [ACS, 'http://[::1]:1/saml/acs', 'https://app.example/acs', 'https://cairn.example/oauth2/token']) {
    await verify(provider.login({ recipient }));
  }
  await assert.rejects(verify(provider.login({ recipient: 'https://app.example/acs/' })), refusal('audience'));
});

test("a stranger's key, SHA-1, an unsigned assertion and a changed one are refused", async (t) => {
  const { provider, verify } = await start(t);
  const xml = assertionXml(provider.entityId);
  // The stranger's certificate comes along in KeyInfo, where nobody may look for it.
  await assert.rejects(verify(provider.login({}, await samlKey())), refusal('signature', /no|not hold/));
  const weak = responseXml(provider.entityId, signed(xml, 'Assertion', provider.key, RSA_SHA1));
  await assert.rejects(verify(encoded(weak)), refusal('algorithm', /SHA-256/));
  await assert.rejects(verify(encoded(responseXml(provider.entityId, xml))), refusal('signature', /no signature/));
  const onlyResponse = signed(responseXml(provider.entityId, xml), 'Response', provider.key);
  await assert.rejects(verify(encoded(onlyResponse)), refusal('signature', /sign assertions/));
  const changed = responseXml(provider.entityId, signed(xml, 'Assertion', provider.key).replace('analysts', 'admins'));
  await assert.rejects(verify(encoded(changed)), refusal('signature'));
});

test('what is no SAML message is refused as such', async (t) => {
  const { provider, verify } = await start(t);
  const good = responseXml(provider.entityId, signed(assertionXml(provider.entityId), 'Assertion', provider.key));
  const failed = good.replace('status:Success', 'status:Responder');
  const bad: [string, RegExp][] = [
    ['', /base64url/],
    ['a.b.c', /base64url/],
    [encoded('<a'), /well-formed/],
    [encoded('<a b=1/>'), /well-formed/],
    [encoded('<a/>'), /neither a Response/],
    [Buffer.from([0xff, 0xfe, 0x3c]).toString('base64url'), /UTF-8/],
    [encoded(`<!DOCTYPE a [<!ENTITY b "b">]>${good}`), /document type/],
    [encoded(good.replace('alice', 'alice<!-- -->.evil')), /comment/],
    [encoded(good.replace('alice', '<![CDATA[alice]]>')), /CDATA/],
    [encoded(good.replace('<samlp:Status>', '<?php x?><samlp:Status>')), /processing instruction/],
    [
      encoded(
        good.replace('</samlp:Response>', '<e:EncryptedAssertion xmlns:e="urn:oasis:names:tc:SAML:2.0:assertion"/></samlp:Response>'),
      ),
      /encrypted/,
    ],
    [encoded('<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol"/>'), /did not log/],
  ];
  for (const [text, says] of bad) {
    await assert.rejects(verify(text), (error: IdentityError) => {
      assert.match(error.message, says);
      return ['malformed', 'claims'].includes(error.code);
    });
  }
  await assert.rejects(verify(encoded(failed)), refusal('claims', /did not log the person in/));
});

test('an entity bomb is refused before anything is expanded', async (t) => {
  const { verify } = await start(t);
  const entities = Array.from({ length: 30 }, (_, i) => `<!ENTITY e${i + 1} "&e${i};&e${i};&e${i};&e${i};">`).join('');
  const started = performance.now();
  await assert.rejects(verify(encoded(`<!DOCTYPE a [<!ENTITY e0 "x">${entities}]><a>&e30;</a>`)), refusal('malformed', /document type/));
  assert.ok(performance.now() - started < 5000);
});

test('sizes hold at the limit and not beyond it', async (t) => {
  const { provider, verify } = await start(t);
  const good = responseXml(provider.entityId, signed(assertionXml(provider.entityId), 'Assertion', provider.key));
  const padded = (bytes: number): string => good.replace('<samlp:Status>', `${' '.repeat(bytes - Buffer.byteLength(good))}<samlp:Status>`);
  await assert.rejects(verify(encoded(padded(SAML_BYTES + 1))), refusal('malformed', /larger than/));
  await verify(encoded(padded(SAML_BYTES)));
  const nested = (depth: number): string => `${'<a>'.repeat(depth)}${'</a>'.repeat(depth)}`;
  await assert.rejects(verify(encoded(nested(SAML_DEPTH))), refusal('malformed', /neither/));
  await assert.rejects(verify(encoded(nested(SAML_DEPTH + 1))), refusal('malformed', /deep/));
});

test('the replay memory refuses at its limit until something expires', () => {
  let now = 1_000_000;
  const used = new UsedOnce(() => now, 2);
  assert.deepEqual([used.use('a', 1010), used.use('b', 1020), used.use('a', 1010)], [true, true, false]);
  assert.throws(() => used.use('c', 1030), refusal('unavailable', /limit/));
  now = 1_010_000;
  assert.equal(used.use('c', 1030), true);
  assert.throws(() => used.use('d', 1030), refusal('unavailable'));
});
