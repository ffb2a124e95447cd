/** The namespace of the lifecycle suite: an AuditPolicy, and agents that ask the counterpart. */
import { AGENT } from './agent.js';

export const NAMESPACE = 'lifecycle';

type KubernetesObject = Record<string, unknown>;

export const namespace: KubernetesObject = {
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name: NAMESPACE, labels: { 'cairn.dev/enroll': 'true' } },
};

/** `host` and `port` are the counterpart's. */
export function policy(host: string, port: number): KubernetesObject {
  return {
    apiVersion: 'cairn.dev/v1alpha1',
    kind: 'AuditPolicy',
    metadata: { name: 'lifecycle', namespace: NAMESPACE },
    spec: {
      selector: { matchLabels: { team: 'lifecycle' } },
      identity: { required: true, providers: [], maxDepth: 5, onAmbiguous: 'Deny' },
      targets: [{ name: 'counterpart', protocol: 'http', hosts: [host], port }],
      rules: [
        { name: 'strict', match: { targets: ['counterpart'], resources: ['/strict/**'] }, action: 'Allow', delivery: 'Strict' },
        { name: 'bodies', match: { targets: ['counterpart'], resources: ['/bulk/**'] }, action: 'Allow', level: 'Request' },
      ],
      default: { action: 'Allow', level: 'Metadata' },
      undeclared: 'Deny',
    },
  };
}

/** The pod of an agent that asks `times` times. */
function template(name: string, base: string, times: number, memory?: string): KubernetesObject {
  return {
    metadata: { labels: { team: 'lifecycle', app: name }, annotations: { 'cairn.dev/agent': name } },
    spec: {
      securityContext: { runAsUser: 10001, runAsGroup: 10001, runAsNonRoot: true },
      containers: [
        {
          name: 'agent',
          image: 'cairn/agents:0.1.0',
          command: ['node', '-e', AGENT],
          env: [
            { name: 'BASE', value: base },
            { name: 'TIMES', value: String(times) },
          ],
          ...(memory === undefined ? {} : { resources: { limits: { memory } } }),
        },
      ],
    },
  };
}

export function deployment(name: string, base: string, replicas: number): KubernetesObject {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace: NAMESPACE },
    spec: { replicas, selector: { matchLabels: { app: name } }, template: template(name, base, Number.MAX_SAFE_INTEGER, '256Mi') },
  };
}

export function job(name: string, base: string, times: number): KubernetesObject {
  const { metadata, spec } = template(name, base, times) as { metadata: object; spec: object };
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name, namespace: NAMESPACE },
    spec: { backoffLimit: 0, template: { metadata, spec: { ...spec, restartPolicy: 'Never' } } },
  };
}

export function pod(name: string, base: string): KubernetesObject {
  const { metadata, spec } = template(name, base, Number.MAX_SAFE_INTEGER) as { metadata: object; spec: object };
  return { apiVersion: 'v1', kind: 'Pod', metadata: { ...metadata, name, namespace: NAMESPACE }, spec };
}
