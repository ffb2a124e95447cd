/** A throw-away CA and a server certificate for localhost. */
import { webcrypto } from 'node:crypto';
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';

const DAY_MS = 86_400_000;
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

export interface ServerCertificate {
  /** PEM of the CA that signed `cert`. */
  ca: string;
  cert: string;
  key: string;
}

/** EC P-256, valid for a day, for localhost, 127.0.0.1 and ::1; `issue` signs a client's for a role. */
export async function localhostCertificate(): Promise<ServerCertificate & { issue(role: string): Promise<{ cert: string; key: string }> }> {
  const validity = { notBefore: new Date(Date.now() - DAY_MS), notAfter: new Date(Date.now() + DAY_MS) };
  const caKeys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const ca = await x509.X509CertificateGenerator.createSelfSigned({
    name: 'CN=Cairn test CA',
    keys: caKeys,
    signingAlgorithm: ALGORITHM,
    ...validity,
    extensions: [new x509.BasicConstraintsExtension(true, 0, true), new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true)],
  });
  const sign = async (subject: string, extensions: x509.Extension[]): Promise<{ cert: string; key: string }> => {
    const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
    const issued = { subject, issuer: ca.subject, signingKey: caKeys.privateKey, publicKey: keys.publicKey, signingAlgorithm: ALGORITHM };
    const cert = await x509.X509CertificateGenerator.create({ ...issued, ...validity, extensions });
    const key = x509.PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey), 'PRIVATE KEY');
    return { cert: cert.toString('pem'), key };
  };
  const names = [
    { type: 'dns', value: 'localhost' },
    { type: 'ip', value: '127.0.0.1' },
    { type: 'ip', value: '::1' },
  ] as const;
  const server = await sign('CN=localhost', [new x509.SubjectAlternativeNameExtension([...names])]);
  return { ca: ca.toString('pem'), ...server, issue: (role) => sign(`CN=${role}`, []) };
}
