import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SignJWT, UnsecuredJWT } from 'jose';
import { firstLaunch, nextLaunch, type LaunchNode } from './launch.js';
import { launchClaims, mintLaunchToken } from './launch-token.js';
import { createLaunchVerifier } from './launch-verifier.js';
import { CHAIN_DEPTH, CLOCK_SKEW_SECONDS, TOKEN_CHARACTERS } from './limits.js';
import { RevocationList } from './revocation.js';
import { generateSigningKey, signJwt, type SigningKey } from './signing.js';
import { IdentityError, type LaunchClaims, type Principal } from './types.js';

const issuer = 'https://tokens.example';
const alice: Principal = { iss: 'https://idp.example', sub: 'u1', name: 'alice@example.com', groups: ['analysts'], authn: 'oidc' };
const pod = { namespace: 'research', name: 'sql-writer-0', uid: 'uid-1' };
const limits = { maxDepth: 5, allowLoops: false };
const start = 1_790_000_000;

function threeDeep(): LaunchNode {
  return nextLaunch(nextLaunch(firstLaunch(alice, 'research/planner'), 'research/researcher', limits), 'research/sql-writer', limits);
}

const terms = { issuer, pod, now: start, lifetimeSeconds: 900 };
const key = await generateSigningKey();
const verifierOf = (keys: SigningKey[], now = start) =>
  createLaunchVerifier({ issuer, jwks: { keys: keys.map((each) => each.publicJwk) }, clock: () => now * 1000 });
const verifier = verifierOf([key]);

async function refused(code: IdentityError['code'], token: string, by = verifier): Promise<void> {
  await assert.rejects(by.verify(token), (error: unknown) => {
    assert.ok(error instanceof IdentityError);
    assert.equal(error.code, code, error.message);
    const secret = token.split('.').findLast((part) => part.length > 8) ?? token;
    assert.ok(!`${error.message}${error.stack}${JSON.stringify(error)}`.includes(secret), 'an error repeats the token');
    return true;
  });
}

test('a launch three agents deep keeps the person, the path and its ancestors through its token', async () => {
  const node = threeDeep();
  for (const each of [key, await generateSigningKey('EdDSA')]) {
    const claims = launchClaims(node, terms);
    const verified = await verifierOf([each]).verify(await mintLaunchToken(each, claims));
    assert.deepEqual(verified, { ...node, pod, expires: start + 900 });
    assert.equal(verified.launch.depth, 3);
    assert.deepEqual(claims.act, { sub: 'research/sql-writer', act: { sub: 'research/researcher', act: { sub: 'research/planner' } } });
    assert.deepEqual([claims.txn, claims.req_wl], [node.ancestors[0], 'research/sql-writer']);
  }
});

test('the depth limit and the loop rule hold, at the limit and one beyond', () => {
  const first = firstLaunch(alice, 'a/one');
  const second = nextLaunch(first, 'a/two', { maxDepth: 2, allowLoops: false });
  assert.throws(() => nextLaunch(second, 'a/three', { maxDepth: 2, allowLoops: false }), { code: 'depth' });
  assert.throws(() => nextLaunch(second, 'a/one', { maxDepth: 3, allowLoops: false }), { code: 'loop' });
  assert.equal(nextLaunch(second, 'a/one', { maxDepth: 3, allowLoops: true }).launch.depth, 3);
  let node = first;
  while (node.launch.depth < CHAIN_DEPTH) node = nextLaunch(node, 'a/one', { maxDepth: 1000, allowLoops: true });
  assert.throws(() => nextLaunch(node, 'a/one', { maxDepth: 1000, allowLoops: true }), { code: 'depth' });
});

test('a token is refused after its expiry and before its time, each beyond the tolerated skew', async () => {
  const token = await mintLaunchToken(key, launchClaims(threeDeep(), terms));
  await verifierOf([key], start + 900 + CLOCK_SKEW_SECONDS - 1).verify(token);
  await refused('expired', token, verifierOf([key], start + 900 + CLOCK_SKEW_SECONDS));
  await verifierOf([key], start - CLOCK_SKEW_SECONDS).verify(token);
  await refused('not-yet-valid', token, verifierOf([key], start - CLOCK_SKEW_SECONDS - 1));
});

test('a remembered token is refused once it has expired', async () => {
  let now = start;
  const aging = createLaunchVerifier({ issuer, jwks: { keys: [key.publicJwk] }, clock: () => now * 1000 });
  const token = await mintLaunchToken(key, launchClaims(threeDeep(), terms));
  assert.equal(await aging.verify(token), await aging.verify(token), 'the second answer comes from memory');
  now = start + 900 + CLOCK_SKEW_SECONDS;
  await refused('expired', token, aging);
});

test('other issuers, audiences, types, algorithms and keys are refused', async () => {
  const claims = launchClaims(threeDeep(), terms);
  const stranger = await generateSigningKey();
  await refused('issuer', await mintLaunchToken(key, { ...claims, iss: 'https://other.example' }));
  await refused('audience', await mintLaunchToken(key, { ...claims, aud: 'other' }));
  await refused('claims', await signJwt(key, 'JWT', claims));
  await refused('unknown-key', await mintLaunchToken(stranger, claims));
  await refused('signature', await mintLaunchToken({ ...stranger, kid: key.kid }, claims));
  await refused('algorithm', new UnsecuredJWT({ ...claims }).encode());
  const publicKey = new TextEncoder().encode(JSON.stringify(key.publicJwk));
  const hs256 = await new SignJWT({ ...claims }).setProtectedHeader({ alg: 'HS256', kid: key.kid, typ: 'txntoken+jwt' }).sign(publicKey);
  await refused('algorithm', hs256);
  await refused('malformed', 'not.a.token');
});

test('a key id of another key type selects nothing', async () => {
  const edwards = await generateSigningKey('EdDSA');
  const confused = await mintLaunchToken({ ...key, kid: edwards.kid }, launchClaims(threeDeep(), terms));
  await refused('unknown-key', confused, verifierOf([edwards]));
});

test('a token at the size limit is read and one character more is not', async () => {
  const claims = launchClaims(threeDeep(), terms);
  const padded = async (length: number) => mintLaunchToken(key, { ...claims, scope: 'x'.repeat(length) });
  const base = (await padded(0)).length;
  let length = Math.floor(((TOKEN_CHARACTERS - base) * 3) / 4);
  while ((await padded(length)).length > TOKEN_CHARACTERS) length--;
  await verifier.verify(await padded(length));
  await refused('malformed', await padded(length + 2));
});

test('a chain that contradicts itself is refused', async () => {
  const claims = launchClaims(threeDeep(), terms);
  const wrong: Partial<LaunchClaims['chain']>[] = [
    { depth: 2 },
    { ancestors: [] },
    { prev: 'other' },
    { id: 'other' },
    { path: ['a/b'] },
    { depth: 0, path: [] },
  ];
  for (const change of wrong) await refused('claims', await mintLaunchToken(key, { ...claims, chain: { ...claims.chain, ...change } }));
});

test('revoking a launch revokes everything below it, also for remembered tokens, and nothing beside it', async () => {
  const revocations = new RevocationList(1);
  const watching = createLaunchVerifier({ issuer, jwks: { keys: [key.publicJwk] }, revocations, clock: () => start * 1000 });
  const node = threeDeep();
  const token = await mintLaunchToken(key, launchClaims(node, terms));
  const beside = await mintLaunchToken(key, launchClaims(threeDeep(), terms));
  await watching.verify(token);
  revocations.add({ number: 1, launch: node.ancestors[1]!, time: new Date(0).toISOString(), by: 'carol' });
  await refused('revoked', token, watching);
  await watching.verify(beside);
  assert.throws(() => revocations.add({ number: 2, launch: 'one-too-many', time: '', by: 'carol' }), { code: 'unavailable' });
  assert.deepEqual(revocations.after(0).length, 1);
});
