/** Issues the operator's CA and serving certificates. */
import 'reflect-metadata';
import { createPrivateKey, webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import * as x509 from '@peculiar/x509';
import { BACKDATE_SECONDS } from './limits.js';

x509.cryptoProvider.set(webcrypto as unknown as Parameters<typeof x509.cryptoProvider.set>[0]);

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

/** PEM. */
export interface CertifiedKey {
  cert: string;
  key: string;
}

function validity(now: number, seconds: number): { notBefore: Date; notAfter: Date } {
  return { notBefore: new Date(now - BACKDATE_SECONDS * 1000), notAfter: new Date(now + seconds * 1000) };
}

async function privatePem(key: webcrypto.CryptoKey): Promise<string> {
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key));
  return createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' }).export({ format: 'pem', type: 'pkcs8' }).toString();
}

/** `now`: milliseconds. */
export async function issueAuthority(now: number, seconds: number): Promise<CertifiedKey> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    // Two CAs of one name would be told apart by key identifiers only, which not every client reads.
    name: [{ CN: [`Cairn operator ${new Date(now).toISOString()}`] }],
    ...validity(now, seconds),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
    ],
  });
  return { cert: pem(certificate), key: await privatePem(keys.privateKey) };
}

/** A server certificate for all the names together. */
export async function issueLeaf(names: readonly string[], authority: CertifiedKey, now: number, seconds: number): Promise<CertifiedKey> {
  const issuer = new x509.X509Certificate(authority.cert);
  const pkcs8 = createPrivateKey(authority.key).export({ format: 'der', type: 'pkcs8' });
  const signingKey = await webcrypto.subtle.importKey('pkcs8', pkcs8, ALGORITHM, false, ['sign']);
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.create({
    // X.520 bounds a common name at 64 characters; clients read the alternative names.
    subject: [{ CN: [names[0]!.slice(0, 64)] }],
    issuer: issuer.subject,
    ...validity(now, seconds),
    signingAlgorithm: ALGORITHM,
    publicKey: keys.publicKey,
    signingKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(names.map(generalName)),
    ],
  });
  return { cert: pem(certificate), key: await privatePem(keys.privateKey) };
}

/** For a key that its holder keeps: a sidecar's as a client, bound by `client` (a URI), or a gateway's as a server. */
export async function issueForKey(
  publicKey: Buffer,
  use: { client: string } | { server: readonly string[] },
  authority: CertifiedKey,
  now: number,
  seconds: number,
): Promise<string> {
  const issuer = new x509.X509Certificate(authority.cert);
  const pkcs8 = createPrivateKey(authority.key).export({ format: 'der', type: 'pkcs8' });
  const signingKey = await webcrypto.subtle.importKey('pkcs8', pkcs8, ALGORITHM, false, ['sign']);
  const isClient = 'client' in use;
  const names: x509.JsonGeneralNames = isClient ? [{ type: 'url', value: use.client }] : use.server.map(generalName);
  const certificate = await x509.X509CertificateGenerator.create({
    subject: [{ CN: [isClient ? 'Cairn sidecar' : 'Cairn gateway'] }],
    issuer: issuer.subject,
    ...validity(now, seconds),
    signingAlgorithm: ALGORITHM,
    publicKey: await webcrypto.subtle.importKey('spki', publicKey, ALGORITHM, true, ['verify']),
    signingKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([isClient ? x509.ExtendedKeyUsage.clientAuth : x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(names),
    ],
  });
  return pem(certificate);
}

const generalName = (value: string): { type: 'ip' | 'dns'; value: string } => ({ type: isIP(value) ? 'ip' : 'dns', value });

const pem = (certificate: x509.X509Certificate): string => `${certificate.toString('pem').trimEnd()}\n`;
