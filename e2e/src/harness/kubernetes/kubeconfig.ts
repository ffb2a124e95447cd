/** Kubeconfig files (https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/), one a user. JSON is YAML. */
import { writeFile } from 'node:fs/promises';
import type { KeyPair } from './certificates.js';

export type Credential = KeyPair | { token: string };

export interface Cluster {
  url: string;
  caCert: string;
}

/** Writes it for the owner alone: it holds a credential. */
export async function writeKubeconfig(file: string, { url, caCert }: Cluster, credential: Credential): Promise<string> {
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  const user =
    'token' in credential
      ? { token: credential.token }
      : { 'client-certificate-data': base64(credential.cert), 'client-key-data': base64(credential.key) };
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'cairn', cluster: { server: url, 'certificate-authority-data': base64(caCert) } }],
    users: [{ name: 'user', user }],
    contexts: [{ name: 'cairn', context: { cluster: 'cairn', user: 'user', namespace: 'default' } }],
    'current-context': 'cairn',
  };
  await writeFile(file, JSON.stringify(config), { mode: 0o600 });
  return file;
}
