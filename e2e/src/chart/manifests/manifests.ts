/** Plain manifests of the chart, for `kubectl apply -f` and `-k`. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { template } from '../helm.js';
import { NAMESPACE } from '../repository.js';

/** Helm makes namespaces without labels; here ours says what its pods hold to. */
const namespace = {
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name: NAMESPACE, labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } },
};

const kustomization = { apiVersion: 'kustomize.config.k8s.io/v1beta1', kind: 'Kustomization', resources: ['cairn.yaml'] };

/** Writes cairn.yaml and kustomization.yaml; `args` are Helm's, for example `--values FILE`. */
export async function writeManifests(folder: string, args: readonly string[]): Promise<void> {
  const manifests = await template(['--skip-tests', ...args]);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'cairn.yaml'), `${stringify(namespace)}${manifests}`);
  await writeFile(join(folder, 'kustomization.yaml'), stringify(kustomization));
}
