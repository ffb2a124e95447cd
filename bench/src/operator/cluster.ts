/** What the cluster holds: enrolled namespaces, policies spread over them, and agents' pods as admission injects them. Pure. */
import { parsePolicies } from '@cairn/crds';
import { DEFAULT_SETTINGS, inject, type KubernetesObject } from '@cairn/operator';

const POLICIES_EACH_NAMESPACE = 4;
/** As the API server that the harness starts. */
const KUBERNETES = { major: 1, minor: 35 };

export interface PolicyKey {
  namespace: string;
  name: string;
}

export interface Cluster {
  namespaces: readonly string[];
  policies: readonly (PolicyKey & { object: object })[];
  /** Of the nth pod; made one by one, so that they are never all in memory. */
  pod(index: number): { namespace: string; object: object };
}

function policy({ namespace, name }: PolicyKey): object {
  return {
    apiVersion: 'cairn.dev/v1alpha1',
    kind: 'AuditPolicy',
    metadata: { name, namespace },
    spec: {
      selector: { matchLabels: { team: name } },
      identity: { required: true, maxDepth: 5 },
      targets: [
        { name: 'orders', protocol: 'postgres', hosts: ['orders.example.com'], port: 5432, credential: { secret: 'orders-rw' } },
        { name: 'crm', protocol: 'http', hosts: ['crm.example.com'], port: 443 },
      ],
      default: { action: 'Allow', level: 'Metadata' },
      undeclared: 'Deny',
    },
  };
}

function plainPod(index: number, { namespace, name }: PolicyKey): KubernetesObject {
  const variable = (number: number): object => ({ name: `VARIABLE_${number}`, value: 'some value of ordinary length' });
  const container = (of: string): object => ({
    name: of,
    image: `registry.example.com/${of}:1`,
    env: Array.from({ length: 10 }, (_, number) => variable(number)),
    resources: { requests: { cpu: '100m', memory: '128Mi' }, limits: { memory: '256Mi' } },
  });
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: `agent-${index}`, namespace, labels: { team: name } },
    spec: { containers: [container('agent'), container('helper')] },
  };
}

/** Throws where a pod cannot be injected. */
export function clusterOf(podCount: number, policyCount: number): Cluster {
  const keys = Array.from({ length: policyCount }, (_, index) => ({
    namespace: `team-${Math.floor(index / POLICIES_EACH_NAMESPACE)}`,
    name: `policy-${index}`,
  }));
  const stored = keys.map((key) => ({ ...key, object: policy(key) }));
  const { policies, problems } = parsePolicies(stored.map(({ object }) => JSON.stringify(object)).join('\n---\n'), 'policies');
  if (problems.length > 0) throw new Error(problems[0]!.message);
  const settings = { ...DEFAULT_SETTINGS, operatorCa: { configMap: 'cairn-ca', key: 'ca.crt' } };
  return {
    namespaces: [...new Set(keys.map(({ namespace }) => namespace))],
    policies: stored,
    pod(index) {
      if (index >= podCount) throw new RangeError(`${index} is no pod of ${podCount}`);
      const key = keys[index % keys.length]!;
      const { namespace } = key;
      const result = inject(plainPod(index, key), { policies, settings, enrolled: true, namespace, kubernetes: KUBERNETES });
      const problem = result.problems.find(({ severity }) => severity === 'error');
      if (problem) throw new Error(problem.message);
      return { namespace, object: result.object };
    },
  };
}
