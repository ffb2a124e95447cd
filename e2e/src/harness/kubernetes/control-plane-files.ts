/** The keys, certificates and settings of a control plane, in a folder. */
import { generateKeyPairSync } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createAuthority, type Authority } from './certificates.js';

export interface ControlPlaneFiles {
  readonly authority: Authority;
  readonly caFile: string;
  readonly servingCert: string;
  readonly servingKey: string;
  /** RSA: what a service account's token is signed with (RS256). */
  readonly serviceAccountKey: string;
  readonly auditPolicy: string;
}

const NAMES = ['kubernetes', 'kubernetes.default', 'kubernetes.default.svc', 'kubernetes.default.svc.cluster.local', 'localhost'];

/** Everything is kept, with bodies, but what only servers ask each other all the time. */
const AUDIT_POLICY = {
  apiVersion: 'audit.k8s.io/v1',
  kind: 'Policy',
  omitStages: ['RequestReceived'],
  rules: [
    { level: 'None', nonResourceURLs: ['/readyz*', '/livez*', '/healthz*', '/openapi*'] },
    { level: 'None', resources: [{ group: 'coordination.k8s.io' }] },
    { level: 'RequestResponse' },
  ],
};

export interface ControlPlaneFilesOptions {
  /** IP addresses that the API server is reached by besides the loopback. */
  addresses?: readonly string[];
  /** An audit.k8s.io/v1 Policy; default: everything with bodies. */
  auditPolicy?: object;
}

export async function writeControlPlaneFiles(folder: string, options: ControlPlaneFilesOptions = {}): Promise<ControlPlaneFiles> {
  const { addresses = [], auditPolicy = AUDIT_POLICY } = options;
  const authority = await createAuthority('cairn-test-ca');
  const serving = await authority.issue({ commonName: 'kube-apiserver', dnsNames: NAMES, addresses });
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const put = async (name: string, text: string): Promise<string> => {
    const file = join(folder, name);
    await writeFile(file, text, { mode: 0o600 });
    return file;
  };
  return {
    authority,
    caFile: await put('ca.crt', authority.cert),
    servingCert: await put('apiserver.crt', serving.cert),
    servingKey: await put('apiserver.key', serving.key),
    serviceAccountKey: await put('sa.key', privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()),
    auditPolicy: await put('audit-policy.yaml', JSON.stringify(auditPolicy)),
  };
}
