/** The admission webhook in this process, in front of a real API server, with the namespace `research` enrolled. */
import { readdirSync, readFileSync } from 'node:fs';
import { request } from 'node:https';
import { fileURLToPath } from 'node:url';
import { localhostCertificate } from '@cairn/cli';
import { parsePolicies } from '@cairn/crds';
import { createGrantVerifier, firstLaunch, generateSigningKey, nextLaunch, type LaunchNode, type VerifiedGrant } from '@cairn/identity';
import {
  createAdmissionServer,
  DEFAULT_SETTINGS,
  fencePolicies,
  webhookConfigurations,
  type AdmissionEvent,
  type AdmissionServer,
} from '@cairn/operator';
import { Registry } from 'prom-client';
import { parse } from 'yaml';
import type { ApiServer } from '../harness/kubernetes/index.js';
import { until } from '../harness/until.js';

export const NAMESPACE = 'research';
const SYSTEM = 'cairn-system';
const ISSUER = `https://cairn-operator.${SYSTEM}.svc:8443`;

export const POLICY = `
apiVersion: cairn.dev/v1alpha1
kind: AuditPolicy
metadata: {name: research, namespace: ${NAMESPACE}}
spec:
  selector: {}
  identity: {required: true, maxDepth: 3}
  targets:
  - {name: orders, protocol: postgres, hosts: [orders.data.svc], port: 5432, credential: {secret: orders-rw}}
  default: {action: Allow, level: Metadata}
  undeclared: Deny
`;

export interface PodObject {
  metadata: {
    name: string;
    uid: string;
    annotations?: Record<string, string>;
    labels?: Record<string, string>;
    ownerReferences?: { name: string }[];
  };
  spec: { initContainers?: { name: string }[]; serviceAccountName: string };
}

export interface AdmissionWorld {
  readonly server: AdmissionServer;
  readonly events: AdmissionEvent[];
  /** What a grant on a pod says. */
  grantOn(object: { metadata: { annotations?: Record<string, string> } }): Promise<VerifiedGrant>;
  /** Records the launch of an agent's pod, as the token service does when its sidecar presents the grant. */
  launch(pod: PodObject): Promise<LaunchNode>;
  /** A kubeconfig with the pod's own token, as the node projects it. */
  asPod(pod: PodObject): Promise<string>;
  /** Where the webhook is configured to be, and taken away again. */
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  close(): Promise<void>;
}

const objects = (list: readonly object[]): string => JSON.stringify({ apiVersion: 'v1', kind: 'List', items: list });
const namespaceOf = (name: string, labels: Record<string, string> = {}): object => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name, labels },
});

async function applyBasics(cluster: ApiServer): Promise<void> {
  const folder = fileURLToPath(new URL('../../../crds/manifests/', import.meta.url));
  for (const file of readdirSync(folder)) await cluster.apply(readFileSync(folder + file, 'utf8'), { serverSide: true });
  await cluster.apply([namespaceOf(SYSTEM), namespaceOf(NAMESPACE, { 'cairn.dev/enroll': 'true' }), namespaceOf('open')]);
  const bindings = ['alice@example.com', 'bob@example.com'].map((name) => ({ kind: 'User', name, apiGroup: 'rbac.authorization.k8s.io' }));
  await cluster.apply([
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'agents', namespace: NAMESPACE } },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata: { name: 'everything', namespace: NAMESPACE },
      roleRef: { kind: 'ClusterRole', name: 'cluster-admin', apiGroup: 'rbac.authorization.k8s.io' },
      subjects: [...bindings, { kind: 'ServiceAccount', name: 'agents', namespace: NAMESPACE }],
    },
  ]);
  await until('service accounts', async () => (await cluster.tryKubectl(['get', 'sa', 'default', '-n', NAMESPACE])).code === 0);
  await until('the CRDs', async () => (await cluster.tryKubectl(['apply', '-f', '-'], { input: POLICY })).code === 0);
}

/** The fence as the chart installs it; resolves once the API server holds it. */
export async function applyFence(cluster: ApiServer): Promise<void> {
  const options = { namespace: SYSTEM, sidecarImage: DEFAULT_SETTINGS.image, operatorUrl: DEFAULT_SETTINGS.operatorUrl };
  await cluster.apply(objects(fencePolicies(options)));
  const probe = {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name: 'cairn-probe', namespace: NAMESPACE },
    spec: { podSelector: {} },
  };
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'probe', namespace: NAMESPACE },
    spec: { containers: [{ name: 'a', image: 'a' }] },
  };
  for (const object of [probe, pod]) {
    await until('the fence', async () => {
      const { stderr } = await cluster.tryKubectl(['create', '--dry-run=server', '-f', '-'], { input: JSON.stringify(object) });
      return stderr.includes('ValidatingAdmissionPolicy');
    });
  }
}

/** Starts the webhook and prepares the cluster; `connect` tells the API server of it. */
export async function startAdmission(cluster: ApiServer): Promise<AdmissionWorld> {
  await applyBasics(cluster);
  const { policies } = parsePolicies(POLICY, 'policy.yaml');
  const current = await generateSigningKey();
  const jwks = { keys: [current.publicJwk] };
  const launches = new Map<string, LaunchNode>();
  const events: AdmissionEvent[] = [];
  const server = createAdmissionServer({
    cluster: {
      podKind: (uid) => (launches.has(uid) ? 'agent' : undefined),
      launchOfPod: (uid) => {
        const node = launches.get(uid);
        return node && { node, revoked: false };
      },
      launch: () => undefined,
      serves: () => false,
      isExplicit: () => false,
      heard: () => Promise.resolve(),
      isAgentServiceAccount: ({ namespace, name }) => namespace === NAMESPACE && name === 'agents',
      policies: () => policies,
      namespaceLabels: () => undefined,
      version: () => ({ major: 1, minor: 35 }),
    },
    settings: () => DEFAULT_SETTINGS,
    keys: { current, jwks: () => jwks, rotate: () => Promise.reject(new Error('these keys stay')) },
    issuer: ISSUER,
    trusted: [],
    event: (event) => void events.push(event),
    log: () => undefined,
    registry: new Registry(),
  });
  const certificates = await localhostCertificate();
  const url = await server.listen({ host: '127.0.0.1', port: 0, tls: certificates });
  const verifier = createGrantVerifier({ issuer: ISSUER, jwks });
  const client = (path: string): object => ({ url: url + path, caBundle: Buffer.from(certificates.ca).toString('base64') });
  const configurations = webhookConfigurations({ name: 'cairn', namespace: SYSTEM, client, frameworks: [] });
  const grantOn: AdmissionWorld['grantOn'] = ({ metadata }) => verifier.verify(metadata.annotations?.['cairn.dev/grant'] ?? '');
  return {
    server,
    events,
    grantOn,
    async launch(pod) {
      const grant = await grantOn(pod);
      const agent = `${grant.namespace}/${grant.agent}`;
      const { principal: root, parent } = grant;
      const node = parent ? nextLaunch({ root, ...parent }, agent, { maxDepth: 3, allowLoops: false }) : firstLaunch(root, agent);
      launches.set(pod.metadata.uid, node);
      return node;
    },
    asPod: async (pod) =>
      cluster.bearer(await cluster.serviceAccountToken(NAMESPACE, pod.spec.serviceAccountName, { pod: pod.metadata.name })),
    async connect() {
      await cluster.apply(objects(configurations));
      const pod = {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: 'probe', namespace: NAMESPACE },
        spec: { containers: [{ name: 'a', image: 'a' }] },
      };
      await until('the webhook', async () => {
        const { stdout } = await cluster.tryKubectl(['create', '--dry-run=server', '-o', 'json', '-f', '-'], {
          input: JSON.stringify(pod),
        });
        return stdout.includes('cairn-sidecar');
      });
    },
    async disconnect() {
      await cluster.kubectl(['delete', 'mutatingwebhookconfiguration,validatingwebhookconfiguration', 'cairn']);
    },
    close: () => server.close(),
  };
}

/** The admin's HTTPS client, for what would take too many runs of kubectl. Resolves to status and body. */
export function adminPost(cluster: ApiServer): (path: string, body: object) => Promise<{ status: number; body: Record<string, unknown> }> {
  const { users } = parse(readFileSync(cluster.kubeconfig, 'utf8')) as { users: { user: Record<string, string> }[] };
  const user = users[0]!.user;
  const data = (name: string): Buffer => (user[`${name}-data`] ? Buffer.from(user[`${name}-data`]!, 'base64') : readFileSync(user[name]!));
  const tls = { ca: cluster.caCert, cert: data('client-certificate'), key: data('client-key') };
  return (path, body) =>
    new Promise((resolve, reject) => {
      const sent = request(cluster.url + path, { method: 'POST', headers: { 'content-type': 'application/json' }, ...tls }, (answer) => {
        const chunks: Buffer[] = [];
        answer.on('data', (chunk: Buffer) => chunks.push(chunk));
        answer.on('end', () => {
          const text = Buffer.concat(chunks).toString();
          resolve({ status: answer.statusCode ?? 0, body: JSON.parse(text) as Record<string, unknown> });
        });
      });
      sent.once('error', reject).end(JSON.stringify(body));
    });
}
