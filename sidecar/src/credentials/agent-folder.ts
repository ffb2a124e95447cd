/** Fills the folder that the agent's containers see, read-only: what they are to trust, and what their clients look for. */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import { javaTrustStore } from './java-trust-store.js';

const TOKEN_BYTES = 32;
/** What injection tells Java; it keeps nothing secret. */
const TRUST_STORE_PASSWORD = 'cairn';

/** A token that means something to this pod's sidecar alone. */
export const newSessionToken = (): string => `cairn-session-${randomBytes(TOKEN_BYTES).toString('base64url')}`;

/** Says whether a bearer is `token`, in constant time. */
export function sessionTokenCheck(token: string): (bearer: string) => boolean {
  return sessionTokenDigestCheck(sessionTokenDigest(token));
}

/** What may be told of the token to who is to recognise it: SHA-256, base64. */
export function sessionTokenDigest(token: string): string {
  return createHash('sha256').update(token).digest('base64');
}

export function sessionTokenDigestCheck(digest: string): (bearer: string) => boolean {
  const expected = Buffer.from(digest, 'base64');
  return (bearer) => {
    const presented = createHash('sha256').update(bearer).digest();
    return presented.length === expected.length && timingSafeEqual(presented, expected);
  };
}

/**
 * `ca.crt` is the pod's CA; `bundle.crt` the public roots and that CA, `bundle.jks` the same for Java. `token` and `namespace` stand beside them because the
 * folder is the service account's too, and in-cluster clients insist on both; the token is good for nothing outside
 * this pod: the sidecar presents the target's credential in its place. Each file is written whole or not at all.
 */
export function writeAgentFolder(folder: string, certificate: string, namespace: string, token: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o755 });
  place(join(folder, 'ca.crt'), certificate);
  place(join(folder, 'bundle.crt'), `${rootCertificates.join('\n')}\n${certificate}\n`);
  place(join(folder, 'bundle.jks'), javaTrustStore([...rootCertificates, certificate], TRUST_STORE_PASSWORD, new Date()));
  place(join(folder, 'namespace'), namespace);
  place(join(folder, 'token'), token);
}

function place(file: string, content: string | Buffer): void {
  writeFileSync(`${file}.new`, content, { mode: 0o644 });
  renameSync(`${file}.new`, file);
}
