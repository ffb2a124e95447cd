/** A throw-away certificate authority: ECDSA P-256, valid for a day. */
// The decorators inside @peculiar/x509 need this polyfill, loaded first.
import 'reflect-metadata';
import type { webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';

const KEY = { name: 'ECDSA', namedCurve: 'P-256' } as const;
const SIGN = { name: 'ECDSA', hash: 'SHA-256' } as const;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

export interface KeyPair {
  /** PEM. */
  cert: string;
  /** PEM, PKCS#8. */
  key: string;
}

/** To Kubernetes a client certificate's common name is the user and its organizations are the groups. */
export interface Subject {
  commonName: string;
  organizations?: readonly string[];
  /** Of a server: loopback and these names. */
  dnsNames?: readonly string[];
  /** Of a server: IP addresses besides the loopback. */
  addresses?: readonly string[];
}

export interface Authority {
  /** PEM. */
  readonly cert: string;
  /** PEM, PKCS#8. */
  readonly key: string;
  issue(subject: Subject): Promise<KeyPair>;
}

export async function createAuthority(commonName: string): Promise<Authority> {
  const keys = await crypto.subtle.generateKey(KEY, true, ['sign', 'verify']);
  const usages = x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign;
  const authority = await x509.X509CertificateGenerator.createSelfSigned({
    name: `CN=${commonName}`,
    keys,
    ...validity(),
    signingAlgorithm: SIGN,
    extensions: [new x509.BasicConstraintsExtension(true, 0, true), new x509.KeyUsagesExtension(usages, true)],
  });
  return {
    cert: authority.toString('pem'),
    key: x509.PemConverter.encode(await crypto.subtle.exportKey('pkcs8', keys.privateKey), 'PRIVATE KEY'),
    issue: (subject) => issue(authority, keys.privateKey, subject),
  };
}

/** The authority again, in another process. */
export async function loadAuthority({ cert, key }: KeyPair): Promise<Authority> {
  const signingKey = await crypto.subtle.importKey('pkcs8', x509.PemConverter.decodeFirst(key), KEY, false, ['sign']);
  const authority = new x509.X509Certificate(cert);
  return { cert, key, issue: (subject) => issue(authority, signingKey, subject) };
}

async function issue(authority: x509.X509Certificate, signingKey: webcrypto.CryptoKey, subject: Subject): Promise<KeyPair> {
  const keys = await crypto.subtle.generateKey(KEY, true, ['sign', 'verify']);
  const name = [{ CN: [subject.commonName] }, ...(subject.organizations ?? []).map((each) => ({ O: [each] }))];
  const names = (subject.dnsNames ?? []).map((value) => ({ type: 'dns' as const, value }));
  const addresses = ['127.0.0.1', '::1', ...(subject.addresses ?? [])].map((value) => ({ type: 'ip' as const, value }));
  const cert = await x509.X509CertificateGenerator.create({
    subject: name,
    issuer: authority.subject,
    publicKey: keys.publicKey,
    signingKey,
    ...validity(),
    signingAlgorithm: SIGN,
    extensions: [
      new x509.SubjectAlternativeNameExtension([...names, ...addresses]),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]),
    ],
  });
  const pkcs8 = await crypto.subtle.exportKey('pkcs8', keys.privateKey);
  return { cert: cert.toString('pem'), key: x509.PemConverter.encode(pkcs8, 'PRIVATE KEY') };
}

function validity(): { notBefore: Date; notAfter: Date } {
  return { notBefore: new Date(Date.now() - HOUR_MS), notAfter: new Date(Date.now() + DAY_MS) };
}
