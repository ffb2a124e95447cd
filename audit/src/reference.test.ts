import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { test, type TestContext } from 'node:test';
import { IdentityError } from '@cairn/identity';
import { MAX_REFERENCE_CHARS, REFERENCE_SECONDS, REFERENCE_SKEW_SECONDS } from './limits.js';
import { createReferenceVerifier, signReference } from './reference.js';
import { AGENT, temporaryFolder, testAuthority } from './testing/log.js';
import { createStreamWriter } from './writer/writer.js';

const NOW = 1_800_000_000;
const LAUNCH = '01890000-0000-7000-8000-000000000001';

async function booted(authority = testAuthority()) {
  const { certify, trust } = await authority;
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const certificate = await certify(publicKey.export({ format: 'jwk' }).x!, 'stream-1');
  const verify = (token: string, seconds = NOW) =>
    createReferenceVerifier({ issuer: trust.issuer, jwks: () => trust.jwks, clock: () => seconds * 1000 })(token);
  return { privateKey, certificate, verify };
}

async function refusal(verification: Promise<unknown>): Promise<string> {
  return verification.then(
    () => 'holds',
    (error: unknown) => (error instanceof IdentityError ? error.code : String(error)),
  );
}

test('a reference names the launch and the pod whose sidecar signed it', async () => {
  const { privateKey, certificate, verify } = await booted();
  const pod = { namespace: AGENT.namespace, name: AGENT.pod, uid: AGENT.uid };
  assert.deepEqual(await verify(signReference(privateKey, certificate, LAUNCH, NOW)), { launch: LAUNCH, pod });
});

test('it holds to the end of its lifetime and the tolerance of clocks, and not a second longer', async () => {
  const { privateKey, certificate, verify } = await booted();
  const token = signReference(privateKey, certificate, LAUNCH, NOW);
  const last = NOW + REFERENCE_SECONDS + REFERENCE_SKEW_SECONDS - 1;
  assert.equal(await refusal(verify(token, last)), 'holds');
  assert.equal(await refusal(verify(token, last + 2)), 'expired');
});

test('a key that was not certified, or certified by somebody else, refers to nothing', async () => {
  const { privateKey, certificate, verify } = await booted();
  const other: KeyObject = generateKeyPairSync('ed25519').privateKey;
  assert.equal(await refusal(verify(signReference(other, certificate, LAUNCH, NOW))), 'signature');
  const stranger = await booted(testAuthority('https://elsewhere.example'));
  assert.equal(await refusal(verify(signReference(stranger.privateKey, stranger.certificate, LAUNCH, NOW))), 'signature');
  assert.equal(await refusal(verify(certificate)), 'malformed');
  const [head, body] = signReference(privateKey, certificate, LAUNCH, NOW).split('.');
  const none = Buffer.from('{"alg":"none","typ":"cairn-launch-reference+jwt"}').toString('base64url');
  for (const forged of [`${none}.${body}.`, `${head}.${body}.AAAA`]) assert.equal(await refusal(verify(forged)), 'signature');
});

test('text that is no reference, or too long for one, is refused without being read further', async () => {
  const { verify } = await booted();
  for (const text of ['', 'a.b.c', `e30.${Buffer.from('null').toString('base64url')}.x`])
    assert.equal(await refusal(verify(text)), 'malformed');
  assert.equal(await refusal(verify('x'.repeat(MAX_REFERENCE_CHARS + 1))), 'malformed');
});

test("a stream's writer signs with its boot key, also after the key was replaced", async (t: TestContext) => {
  const { dir, remove } = temporaryFolder();
  t.after(remove);
  const { certify, trust } = await testAuthority();
  const writer = await createStreamWriter({ dir, agent: AGENT, certify });
  const verify = createReferenceVerifier({ issuer: trust.issuer, jwks: () => trust.jwks, clock: () => NOW * 1000 });
  assert.equal((await verify(writer.refer(LAUNCH, NOW))).launch, LAUNCH);
  await writer.rotate();
  assert.equal((await verify(writer.refer(LAUNCH, NOW))).launch, LAUNCH);
  await writer.close('test');
});
