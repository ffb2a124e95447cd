import assert from 'node:assert/strict';
import { generateKeyPairSync, createPrivateKey } from 'node:crypto';
import { test, type TestContext } from 'node:test';
import { inspect } from 'node:util';
import { exportJWK, exportSPKI, generateKeyPair, SignJWT, UnsecuredJWT, type CryptoKey, type JWK } from 'jose';
import { startIssuer, type Issuer } from './fixture.js';
import {
  CLOCK_SKEW_SECONDS,
  NAME_CHARACTERS,
  STALE_MILLISECONDS,
  TOKEN_CHARACTERS,
  UNKNOWN_KEY_BURST,
  VERIFIED_SECONDS,
} from './limits.js';
import { createOidcVerifier, type OidcVerifier } from './oidc.js';
import { IdentityError } from './types.js';

interface Key {
  kid: string;
  alg: string;
  privateKey: CryptoKey;
  publicKey: CryptoKey;
  jwk: JWK;
}

async function keyOf(kid: string, alg = 'RS256'): Promise<Key> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  return { kid, alg, privateKey, publicKey, jwk: { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' } };
}

const first = await keyOf('first');
const second = await keyOf('second');

interface Bench {
  issuer: Issuer;
  verifier: OidcVerifier;
  /** Seconds since the epoch, as the verifier sees it. */
  at: { now: number };
  token: (claims?: Record<string, unknown>, key?: Key, header?: Record<string, unknown>) => Promise<string>;
}

async function startBench(t: TestContext, more: { groupsClaim?: string; usernameClaim?: string } = {}): Promise<Bench> {
  const issuer = await startIssuer(t, [first.jwk]);
  const at = { now: Math.floor(Date.now() / 1000) };
  const verifier = createOidcVerifier({
    issuer: issuer.issuer,
    audiences: ['cairn', 'cairn-cli'],
    groupsClaim: 'groups',
    usernameClaim: 'email',
    clock: () => at.now * 1000,
    ...more,
  });
  const token = (claims: Record<string, unknown> = {}, key: Key = first, header: Record<string, unknown> = {}): Promise<string> =>
    new SignJWT({
      iss: issuer.issuer,
      aud: 'cairn',
      sub: 'u1',
      email: 'alice@example.com',
      groups: ['analysts'],
      iat: at.now,
      exp: at.now + 600,
      ...claims,
    })
      .setProtectedHeader({ alg: key.alg, kid: key.kid, typ: 'JWT', ...header })
      .sign(key.privateKey);
  return { issuer, verifier, at, token };
}

async function refused(verifier: OidcVerifier, code: IdentityError['code'], token: string): Promise<void> {
  await assert.rejects(verifier.verify(token), (error: unknown) => {
    assert.ok(error instanceof IdentityError, inspect(error));
    assert.equal(error.code, code, error.message);
    const shown = inspect(error, { depth: null, showHidden: true });
    for (const part of token.split('.')) assert.ok(part.length < 16 || !shown.includes(part), 'an error repeats the token');
    assert.ok(!shown.includes('alice@example.com'), 'an error names the person');
    return true;
  });
}

test('an ID token and an access token name the person and the groups', async (t) => {
  const { verifier, token, at, issuer } = await startBench(t);
  const principal = { iss: issuer.issuer, sub: 'u1', name: 'alice@example.com', groups: ['analysts'], authn: 'oidc' };
  assert.deepEqual(await verifier.verify(await token()), { principal, expires: at.now + 600 });
  assert.deepEqual((await verifier.verify(await token({ aud: ['other', 'cairn-cli'] }))).principal, principal);
  const access = { client_id: 'c', jti: 'j' };
  assert.deepEqual((await verifier.verify(await token(access, first, { typ: 'at+jwt' }))).principal, principal);
  assert.deepEqual((await verifier.verify(await token(access, first, { typ: 'application/AT+JWT' }))).principal, principal);
  await refused(verifier, 'claims', await token({}, first, { typ: 'at+jwt' }));
});

test('every asymmetric algorithm of the list is accepted', async (t) => {
  const { verifier, token, issuer } = await startBench(t);
  const keys = await Promise.all(['PS256', 'ES256', 'ES384', 'EdDSA', 'RS512'].map((alg) => keyOf(`key-${alg}`, alg)));
  issuer.keys = keys.map(({ jwk }) => jwk);
  for (const key of keys) assert.equal((await verifier.verify(await token({ jti: key.kid }, key))).principal.sub, 'u1');
});

test('a token is refused after its end, before its beginning and when it comes from the future, beyond the skew', async (t) => {
  const { verifier, token, at } = await startBench(t);
  await verifier.verify(await token({ exp: at.now - CLOCK_SKEW_SECONDS + 1 }));
  await refused(verifier, 'expired', await token({ exp: at.now - CLOCK_SKEW_SECONDS }));
  await verifier.verify(await token({ nbf: at.now + CLOCK_SKEW_SECONDS }));
  await refused(verifier, 'not-yet-valid', await token({ nbf: at.now + CLOCK_SKEW_SECONDS + 1 }));
  await verifier.verify(await token({ iat: at.now + CLOCK_SKEW_SECONDS }));
  await refused(verifier, 'not-yet-valid', await token({ iat: at.now + CLOCK_SKEW_SECONDS + 1 }));
  for (const claim of ['exp', 'iat', 'sub', 'aud']) {
    await refused(verifier, claim === 'aud' ? 'audience' : 'claims', await token({ [claim]: undefined }));
  }
});

test('other issuers, audiences and kinds of token are refused', async (t) => {
  const { verifier, token } = await startBench(t);
  await refused(verifier, 'issuer', await token({ iss: 'https://other.example' }));
  await refused(verifier, 'audience', await token({ aud: 'other' }));
  await refused(verifier, 'audience', await token({ aud: [] }));
  for (const typ of ['logout+jwt', 'txntoken+jwt', 'dpop+jwt']) await refused(verifier, 'claims', await token({}, first, { typ }));
  await refused(verifier, 'claims', await token({ typ: 'Refresh' }));
});

test('unsigned tokens, HS256 with the public key, and strangers are refused', async (t) => {
  const { verifier, token, issuer, at } = await startBench(t);
  const claims = { iss: issuer.issuer, aud: 'cairn', sub: 'u1', email: 'alice@example.com', iat: at.now, exp: at.now + 600 };
  await refused(verifier, 'algorithm', new UnsecuredJWT(claims).encode());
  for (const secret of [await exportSPKI(first.publicKey), JSON.stringify(first.jwk), first.jwk.n!]) {
    const forged = await new SignJWT(claims).setProtectedHeader({ alg: 'HS256', kid: 'first' }).sign(new TextEncoder().encode(secret));
    await refused(verifier, 'algorithm', forged);
  }
  await refused(verifier, 'unknown-key', await token({}, await keyOf('stranger')));
  await refused(verifier, 'signature', await token({}, await keyOf('first')));
  await refused(verifier, 'malformed', 'a.b.c');
  await refused(verifier, 'malformed', '');
  const [header, , signature] = (await token()).split('.');
  await refused(
    verifier,
    'signature',
    `${header}.${Buffer.from(JSON.stringify({ ...claims, sub: 'root' })).toString('base64url')}.${signature}`,
  );
});

test('a key id selects no key of another kind, and keys that a token brings along are not used', async (t) => {
  const { verifier, token, issuer } = await startBench(t);
  const elliptic = await keyOf('confused', 'ES256');
  issuer.keys = [
    first.jwk,
    elliptic.jwk,
    { kty: 'oct', kid: 'secret', k: Buffer.from('x'.repeat(32)).toString('base64url'), alg: 'HS256' },
  ];
  await refused(verifier, 'unknown-key', await token({}, { ...first, kid: 'confused' }));
  const stranger = await keyOf('stranger');
  await refused(
    verifier,
    'unknown-key',
    await token({}, stranger, { jwk: stranger.jwk, jku: `${issuer.issuer}/stranger`, kid: 'stranger' }),
  );
  const encryption = await keyOf('encryption');
  issuer.keys = [{ ...encryption.jwk, use: 'enc' }];
  await refused(verifier, 'unknown-key', await token({}, encryption));
});

test('a rotation fails no request: an unknown key id has the keys fetched again', async (t) => {
  const { verifier, token, issuer } = await startBench(t);
  await verifier.verify(await token());
  issuer.keys = [second.jwk, first.jwk];
  await Promise.all([1, 2, 3, 4].map(async (jti) => verifier.verify(await token({ jti }, second))));
  await verifier.verify(await token({ jti: 'old' }));
  assert.equal(issuer.count('/jwks'), 2, 'one fetch for the first key and one for the rotation');
});

test("strangers' key ids cause a bounded number of fetches, and a rotation is followed again later", async (t) => {
  const { verifier, token, issuer, at } = await startBench(t);
  await verifier.verify(await token());
  for (let count = 0; count < 20; count++)
    await refused(verifier, 'unknown-key', await token({}, await keyOf(`stranger-${count}`, 'ES256')));
  assert.equal(issuer.count('/jwks'), 1 + UNKNOWN_KEY_BURST);
  issuer.keys = [second.jwk];
  await refused(verifier, 'unknown-key', await token({}, second));
  at.now += 11;
  await verifier.verify(await token({}, second));
});

test('keys are believed for an hour when the issuer is gone, and not beyond', async (t) => {
  const { verifier, token, issuer, at } = await startBench(t);
  await verifier.verify(await token());
  issuer.answers['/jwks'] = { status: 500, body: {} };
  issuer.answers['/.well-known/openid-configuration'] = { status: 500, body: {} };
  at.now += STALE_MILLISECONDS / 1000;
  await verifier.verify(await token({ jti: 'still' }));
  at.now += 2;
  await refused(verifier, 'unavailable', await token({ jti: 'too late' }));
  issuer.answers = {};
  // A renewal that was under way in the background may fail as late as now, and begin the pause before the next anew.
  for (let tries = 1; ; tries++) {
    at.now += 2;
    const back = await verifier.verify(await token({ jti: 'back' })).catch((error: unknown) => error);
    if (!(back instanceof IdentityError)) break;
    assert.ok(back.code === 'unavailable' && tries < 5, back.message);
  }
});

test('a verified token is remembered for a bounded time, without asking anybody', async (t) => {
  const { verifier, token, issuer, at } = await startBench(t);
  const alice = await token({ exp: at.now + 3600 });
  const before = await verifier.verify(alice);
  issuer.keys = [second.jwk];
  assert.equal(await verifier.verify(alice), before);
  at.now += VERIFIED_SECONDS + 1;
  assert.notEqual(await verifier.verify(alice), before, 'it was verified again');
});

test('an issuer that names another, answers too much, redirects or is not https is not used', async (t) => {
  const { verifier, token, issuer, at } = await startBench(t);
  const good = await token();
  issuer.discovery = { issuer: 'https://other.example' };
  await refused(verifier, 'issuer', good);
  at.now += 2;
  issuer.discovery = { jwks_uri: 'http://keys.example.com/jwks' };
  await refused(verifier, 'unavailable', good);
  at.now += 2;
  issuer.discovery = {};
  issuer.answers['/jwks'] = { body: ' '.repeat(600 * 1024) };
  await refused(verifier, 'unavailable', good);
  at.now += 2;
  issuer.answers['/jwks'] = { status: 302, body: '' };
  await refused(verifier, 'unavailable', good);
  at.now += 2;
  issuer.answers = {};
  await verifier.verify(good);
  const plain = createOidcVerifier({ issuer: 'http://idp.example.com', audiences: ['a'], groupsClaim: 'g', usernameClaim: 'sub' });
  await refused(plain, 'unavailable', await token({ iss: 'http://idp.example.com' }));
});

test('the person is named by the claim that is configured, and by nothing else', async (t) => {
  const { verifier, token } = await startBench(t);
  await refused(verifier, 'claims', await token({ email: undefined }));
  await refused(verifier, 'claims', await token({ email: 7 }));
  await refused(verifier, 'claims', await token({ email_verified: false }));
  await refused(verifier, 'claims', await token({ email: 'alice\n{"forged":"line"}' }));
  await verifier.verify(await token({ email: 'a'.repeat(NAME_CHARACTERS) }));
  await refused(verifier, 'claims', await token({ email: 'a'.repeat(NAME_CHARACTERS + 1) }));
  const nested = await startBench(t, { usernameClaim: 'person.name', groupsClaim: 'realm_access.roles' });
  const { principal } = await nested.verifier.verify(await nested.token({ person: { name: 'Alice' }, realm_access: { roles: ['r'] } }));
  assert.deepEqual([principal.name, principal.groups], ['Alice', ['r']]);
});

test('a token at the size limit is read and one beyond is not', async (t) => {
  const { verifier, token } = await startBench(t);
  const padded = (length: number): Promise<string> => token({ pad: 'x'.repeat(length) });
  let length = Math.floor(((TOKEN_CHARACTERS - (await padded(0)).length) * 3) / 4);
  while ((await padded(length)).length > TOKEN_CHARACTERS) length--;
  await verifier.verify(await padded(length));
  await refused(verifier, 'malformed', await padded(length + 2));
});

test('groups that the token only refers to are fetched, once, with the token for the issuer alone', async (t) => {
  const { verifier, token, issuer } = await startBench(t);
  const overage = (endpoint: string, more = {}) => ({
    groups: undefined,
    _claim_names: { groups: 'src' },
    _claim_sources: { src: { endpoint, ...more } },
  });
  issuer.answers['/groups'] = { body: { groups: ['many', 'more'] } };
  const alice = await token(overage(`${issuer.issuer}/groups`));
  assert.deepEqual((await verifier.verify(alice)).principal.groups, ['many', 'more']);
  await verifier.verify(alice);
  assert.deepEqual(
    issuer.requests.filter(({ path }) => path === '/groups').map(({ authorization }) => authorization),
    [`Bearer ${alice}`],
  );
  await verifier.verify(await token(overage(`${issuer.issuer}/groups`, { access_token: 'opaque' })));
  assert.equal(issuer.requests.at(-1)?.authorization, 'Bearer opaque');
});

test('where the endpoint cannot be used, userinfo is asked, and without either the token is refused', async (t) => {
  const { verifier, token, issuer } = await startBench(t);
  const foreign = await startIssuer(t, []);
  foreign.answers['/groups'] = { body: { groups: ['forged'] } };
  const claims = { groups: undefined, _claim_names: { groups: 'src' }, _claim_sources: { src: { endpoint: `${foreign.issuer}/groups` } } };
  await refused(verifier, 'unavailable', await token(claims));
  assert.equal(foreign.requests.length, 0, 'a stranger was shown the token');
  issuer.answers['/userinfo'] = { body: { sub: 'u1', groups: ['from-userinfo'] } };
  assert.deepEqual((await verifier.verify(await token(claims))).principal.groups, ['from-userinfo']);
  assert.deepEqual((await verifier.verify(await token({ groups: undefined, hasgroups: true }))).principal.groups, ['from-userinfo']);
  issuer.answers['/userinfo'] = { body: { sub: 'somebody-else', groups: ['admins'] } };
  await refused(verifier, 'unavailable', await token({ ...claims, jti: 'other' }));
});

test('a weak key does not make the verifier fail in another way', async (t) => {
  const { verifier, token, issuer } = await startBench(t);
  const weak = generateKeyPairSync('rsa', { modulusLength: 1024 });
  const jwk = { ...(weak.publicKey.export({ format: 'jwk' }) as JWK), kid: 'weak', alg: 'RS256' };
  issuer.keys = [jwk];
  const { createSign } = await import('node:crypto');
  const [, body] = (await token()).split('.');
  const input = `${Buffer.from('{"alg":"RS256","kid":"weak"}').toString('base64url')}.${body}`;
  const signature = createSign('sha256')
    .update(input)
    .sign(createPrivateKey(weak.privateKey.export({ format: 'pem', type: 'pkcs8' })), 'base64url');
  await refused(verifier, 'malformed', `${input}.${signature}`);
});
