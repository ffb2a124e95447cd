import 'reflect-metadata';
import assert from 'node:assert/strict';
import { createHash, createHmac, pbkdf2Sync, type webcrypto } from 'node:crypto';
import { describe, it } from 'node:test';
import * as x509 from '@peculiar/x509';
import { MAX_SCRAM_ITERATIONS } from './limits.js';
import { ScramClient, ScramError } from './scram.js';

const BOTH = ['SCRAM-SHA-256-PLUS', 'SCRAM-SHA-256'];
const SALT = Buffer.from('salt of the server');
const hmac = (key: Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();

async function certificate(hash: string, algorithm = 'ECDSA'): Promise<Buffer> {
  const key = algorithm === 'Ed25519' ? { name: 'Ed25519' } : { name: 'ECDSA', namedCurve: 'P-384' };
  const keys = (await crypto.subtle.generateKey(key, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair;
  const made = await x509.X509CertificateGenerator.createSelfSigned({ name: 'CN=db', keys, signingAlgorithm: { name: algorithm, hash } });
  return Buffer.from(made.rawData);
}

/** What a server that knows `password` finds: whether the proof holds, the channel binding, and its own signature. */
function serverSide(
  password: string,
  client: ScramClient,
  first: string,
  final: string,
  serverFirst: string,
): { holds: boolean; binding: Buffer; signature: string } {
  const [withoutProof, proof] = final.split(',p=') as [string, string];
  const salted = pbkdf2Sync(password, SALT, 4096, 32, 'sha256');
  const signed = `${first.slice(first.indexOf(',,') + 2)},${serverFirst},${withoutProof}`;
  const stored = createHash('sha256').update(hmac(salted, 'Client Key')).digest();
  const signature = hmac(stored, signed);
  const clientKey = Buffer.from(Buffer.from(proof, 'base64').map((byte, index) => byte ^ signature[index]!));
  return {
    holds: createHash('sha256').update(clientKey).digest().equals(stored),
    binding: Buffer.from(/c=([^,]*)/.exec(withoutProof)![1]!, 'base64'),
    signature: `v=${hmac(hmac(salted, 'Server Key'), signed).toString('base64')}`,
  };
}

const challenge = (first: string, iterations = 4096): string =>
  `r=${/r=(.*)$/.exec(first)![1]}server,s=${SALT.toString('base64')},i=${iterations}`;

describe('SCRAM', () => {
  it('binds the channel where the server has a certificate that allows it', async () => {
    for (const [hash, name] of [
      ['SHA-256', 'sha256'],
      ['SHA-384', 'sha384'],
    ] as const) {
      const der = await certificate(hash);
      const client = new ScramClient('secret', BOTH, der);
      assert.equal(client.mechanism, 'SCRAM-SHA-256-PLUS');
      const first = client.first();
      const final = await client.final(challenge(first));
      const { holds, binding, signature } = serverSide('secret', client, first, final, challenge(first));
      assert.ok(holds);
      assert.deepEqual(binding, Buffer.concat([Buffer.from('p=tls-server-end-point,,'), createHash(name).update(der).digest()]));
      client.verify(signature);
    }
  });

  it('goes without where the certificate names no hash, or there is no TLS', async () => {
    assert.equal(new ScramClient('secret', BOTH, await certificate('', 'Ed25519')).mechanism, 'SCRAM-SHA-256');
    assert.equal(new ScramClient('secret', BOTH, undefined).mechanism, 'SCRAM-SHA-256');
    assert.equal(new ScramClient('secret', BOTH, Buffer.from([0x30, 0x82])).mechanism, 'SCRAM-SHA-256');
    assert.throws(() => new ScramClient('secret', ['SCRAM-SHA-1'], undefined), ScramError);
  });

  it('refuses a server that does not know the password, or answers with another nonce', async () => {
    const client = new ScramClient('secret', BOTH, undefined);
    const first = client.first();
    const final = await client.final(challenge(first));
    assert.throws(() => client.verify(serverSide('other', client, first, final, challenge(first)).signature), ScramError);
    assert.throws(() => client.verify('v='), ScramError);
    await assert.rejects(new ScramClient('secret', BOTH, undefined).final(challenge(first)), ScramError);
  });

  it('counts as many iterations as the limit and not one more', async () => {
    const client = new ScramClient('secret', BOTH, undefined);
    const first = client.first();
    await client.final(challenge(first, MAX_SCRAM_ITERATIONS));
    await assert.rejects(client.final(challenge(first, MAX_SCRAM_ITERATIONS + 1)), ScramError);
  });
});
