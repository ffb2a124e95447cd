/** A token service's key on file, so that processes which are killed and the test that judges them share one trust. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { STREAM_CERTIFICATE_TYPE, type CertificateTrust } from '@cairn/audit';
import { generateSigningJwk, importSigningKey, signJwt } from '@cairn/identity';

const ISSUER = 'https://cairn.example.com';
export const AGENT = { name: 'planner', namespace: 'research', node: 'node-1', pod: 'planner-0', uid: 'e3f1' };

type SigningJwk = Awaited<ReturnType<typeof generateSigningJwk>>;

export async function writeAuthority(dir: string): Promise<CertificateTrust> {
  const jwk = await generateSigningJwk();
  writeFileSync(join(dir, 'authority.json'), JSON.stringify(jwk), { mode: 0o600 });
  return { issuer: ISSUER, jwks: { keys: [(await importSigningKey(jwk)).publicJwk] } };
}

/** The `certify` of a stream writer in another process. */
export async function readAuthority(dir: string): Promise<(publicKey: string, stream: string) => Promise<string>> {
  const key = await importSigningKey(JSON.parse(readFileSync(join(dir, 'authority.json'), 'utf8')) as SigningJwk);
  return (x, sub) =>
    signJwt(key, STREAM_CERTIFICATE_TYPE, {
      iss: ISSUER,
      sub,
      iat: Math.floor(Date.now() / 1000),
      cnf: { jwk: { kty: 'OKP', crv: 'Ed25519', x } },
      pod: { namespace: AGENT.namespace, name: AGENT.pod, uid: AGENT.uid },
      agent: AGENT.name,
    });
}
