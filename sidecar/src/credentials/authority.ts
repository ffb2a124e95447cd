/**
 * The pod's certificate authority: made at start, its key never leaves this process's memory. Agents trust it, and the
 * sidecar serves every declared name with a leaf of it.
 */
import 'reflect-metadata';
import { createPrivateKey, webcrypto, X509Certificate } from 'node:crypto';
import { createSecureContext, type SecureContext } from 'node:tls';
import * as x509 from '@peculiar/x509';
import { CERTIFICATE_DAYS, MAX_LEAVES } from './limits.js';

x509.cryptoProvider.set(webcrypto as unknown as Parameters<typeof x509.cryptoProvider.set>[0]);

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const DAY_MS = 86_400_000;

export interface CertificateAuthority {
  /** PEM, for the agent's trust store. */
  readonly certificate: string;
  /** Server-side TLS for a name; undefined serves the pod's default name. Leaves must have been prepared. */
  secureContextFor(serverName: string | undefined): SecureContext;
  /** Makes the leaves of these names; called when the declared targets are known. */
  prepare(names: readonly string[]): Promise<void>;
}

/** Makes a CA for one pod. */
export async function createAuthority(pod: string): Promise<CertificateAuthority> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const authority = await x509.X509CertificateGenerator.createSelfSigned({
    name: [{ CN: [`Cairn sidecar of ${pod}`] }],
    ...validity(),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
    ],
  });
  const leaves = new Map<string, SecureContext>();
  const leaf = async (name: string): Promise<void> => {
    if (leaves.has(name)) return;
    if (leaves.size >= MAX_LEAVES) throw new Error(`more than ${MAX_LEAVES} names need a certificate: declare fewer hosts`);
    leaves.set(name, await issueLeaf(name, authority, keys.privateKey));
  };
  await leaf('localhost');
  return {
    certificate: authority.toString('pem'),
    secureContextFor: (name) => leaves.get((name ?? 'localhost').toLowerCase()) ?? leaves.get('localhost')!,
    prepare: async (names) => {
      for (const name of names) await leaf(name.toLowerCase());
    },
  };
}

async function issueLeaf(name: string, authority: x509.X509Certificate, signingKey: webcrypto.CryptoKey): Promise<SecureContext> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const isAddress = /^[0-9.]+$|:/.test(name);
  const certificate = await x509.X509CertificateGenerator.create({
    subject: `CN=${name.slice(0, 64)}`,
    issuer: authority.subject,
    ...validity(),
    signingAlgorithm: ALGORITHM,
    publicKey: keys.publicKey,
    signingKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension([{ type: isAddress ? 'ip' : 'dns', value: name }]),
    ],
  });
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey));
  const key = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' }).export({ format: 'pem', type: 'pkcs8' });
  const cert = new X509Certificate(Buffer.from(certificate.rawData)).toString();
  return createSecureContext({ key, cert: `${cert}${authority.toString('pem')}`, minVersion: 'TLSv1.2' });
}

function validity(): { notBefore: Date; notAfter: Date } {
  const now = Date.now();
  return { notBefore: new Date(now - DAY_MS), notAfter: new Date(now + CERTIFICATE_DAYS * DAY_MS) };
}
