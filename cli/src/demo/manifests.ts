/** The manifests of examples/, read the way an API server would keep them. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parsePolicies, type AuditPolicy, type IdentityProvider, type OidcProviderSpec } from '@cairn/crds';
import type { KubernetesObject } from '@cairn/operator';
import { parseAllDocuments } from 'yaml';
import { DemoError } from './failure.js';

export interface Service {
  name: string;
  namespace: string;
  selector: Record<string, string>;
  port: number;
  targetPort: number;
}

/** The demo logs people in by OpenID Connect. */
type OidcProvider = IdentityProvider & { spec: { oidc: OidcProviderSpec } };

export interface Manifests {
  deployments: KubernetesObject[];
  services: Service[];
  /** By name; the demo knows one namespace. */
  secrets: Map<string, Record<string, string>>;
  policies: AuditPolicy[];
  provider: OidcProvider;
  enrolled: boolean;
  namespace: string;
}

interface ServiceObject extends KubernetesObject {
  spec: { selector: Record<string, string>; ports: { port: number; targetPort: number }[] };
}

function serviceOf(object: KubernetesObject): Service {
  const { spec, metadata } = object as ServiceObject;
  const [port] = spec.ports;
  return {
    name: metadata?.name ?? '',
    namespace: metadata?.namespace ?? '',
    selector: spec.selector,
    port: port!.port,
    targetPort: port!.targetPort,
  };
}

function secretsOf(objects: readonly KubernetesObject[]): Map<string, Record<string, string>> {
  const secrets = objects.filter((each) => each.kind === 'Secret') as (KubernetesObject & { stringData?: Record<string, string> })[];
  return new Map(secrets.map((each) => [each.metadata?.name ?? '', each.stringData ?? {}]));
}

const isOidc = (provider: IdentityProvider): provider is OidcProvider => provider.spec.oidc !== undefined;

/** Reads every YAML file of the folder. Throws DemoError for a policy that does not hold. */
export async function readManifests(folder: string): Promise<Manifests> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.yaml')).toSorted();
  const objects: KubernetesObject[] = [];
  const policies: AuditPolicy[] = [];
  const providers: IdentityProvider[] = [];
  for (const name of names) {
    const file = join(folder, name);
    const text = await readFile(file, 'utf8');
    const parsed = parsePolicies(text, file);
    const [problem] = parsed.problems;
    if (problem)
      throw new DemoError(`${problem.file}:${problem.line}:${problem.column}: ${problem.message}`, 'Mend the manifest and run it again.');
    policies.push(...parsed.policies);
    providers.push(...parsed.providers);
    objects.push(...parseAllDocuments(text).map((document) => document.toJS() as KubernetesObject));
  }
  const namespace = objects.find((each) => each.kind === 'Namespace');
  const provider = providers.find(isOidc);
  if (!namespace?.metadata?.name || !provider)
    throw new DemoError(`${folder} lacks a Namespace or an IdentityProvider for OpenID Connect`, 'Restore the examples from git.');
  return {
    deployments: objects.filter((each) => each.kind === 'Deployment'),
    services: objects.filter((each) => each.kind === 'Service').map(serviceOf),
    secrets: secretsOf(objects),
    policies,
    provider,
    enrolled: namespace.metadata.labels?.['cairn.dev/enroll'] === 'true',
    namespace: namespace.metadata.name,
  };
}
