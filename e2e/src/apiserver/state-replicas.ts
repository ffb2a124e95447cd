/** Two replicas of the operator's service on one API server, and a small webhook that admits votes as the operator's does. */
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import { KubeConfig } from '@kubernetes/client-node';
import type { AgentLaunch, ApprovalObject, ApprovalRequest } from '@cairn/crds';
import { createWorkloadVerifier, generateSigningKey, mintWorkloadToken, type PodReference, type SigningKey } from '@cairn/identity';
import {
  admitDecision,
  admitRevocation,
  createOperatorService,
  kubernetes,
  openClusterState,
  openServing,
  type ClusterState,
  type ClusterStateOptions,
  type KeyRing,
  type OperatorService,
  type Serving,
} from '@cairn/operator';
import type { ApiServer } from '../harness/kubernetes/index.js';
import { until } from '../harness/until.js';

const CLUSTER = 'https://kubernetes.default.svc';
export const ISSUER = 'https://cairn-operator.cairn-system.svc:8443';
export const OPERATOR_USER = 'cairn-operator';
const manifests = new URL('../../../crds/manifests/', import.meta.url).pathname;

const podOf = (agent: string): PodReference => ({ namespace: 'research', name: `${agent}-0`, uid: `uid-${agent}` });

export interface Replica {
  readonly url: string;
  readonly service: OperatorService;
  readonly state: ClusterState;
  readonly post: (path: string, body: unknown, token: string) => Promise<Response>;
  readonly get: (path: string, token: string) => Promise<Response>;
  readonly exchange: (
    subject: string,
    type: 'jwt' | 'txn_token',
    agent: string,
  ) => Promise<{ status: number; access_token: string; code?: string }>;
  readonly stop: () => Promise<void>;
}

export interface Replicas {
  readonly one: Replica;
  readonly other: Replica;
  readonly client: kubernetes.KubernetesClient;
  readonly start: (more?: Partial<ClusterStateOptions>) => Promise<Replica>;
  readonly workloadToken: (agent: string) => Promise<string>;
}

/** Namespaces and custom resources, once for a server. */
export async function prepare(server: ApiServer): Promise<void> {
  await server.kubectl(['apply', '--server-side', '-f', manifests]);
  await server.kubectl(['wait', '--for=condition=Established', 'crd', '--all', '--timeout=30s']);
  for (const name of ['cairn-system', 'research']) {
    await server.apply([{ apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels: { 'cairn.dev/enroll': 'true' } } }]);
  }
}

export async function clientOf(server: ApiServer): Promise<kubernetes.KubernetesClient> {
  const config = new KubeConfig();
  config.loadFromFile(await server.user(OPERATOR_USER, ['system:masters']));
  return new kubernetes.KubernetesClient(config);
}

async function startReplica(
  client: kubernetes.KubernetesClient,
  cluster: SigningKey,
  more: Partial<ClusterStateOptions>,
  workloadToken: (agent: string) => Promise<string>,
): Promise<Replica> {
  const state = openClusterState({ client, namespace: 'cairn-system', log: () => undefined, ...more });
  const service: OperatorService = await createOperatorService({
    issuer: ISSUER,
    stores: state.stores,
    workloads: createWorkloadVerifier({ issuer: CLUSTER, jwks: { keys: [cluster.publicJwk] } }),
    providers: [],
    bundleFor: () => ({ version: '1', policies: [], providers: [], tokenService: service.tokenService() }),
    agentOf: ({ uid }) => ({ name: uid.slice('uid-'.length), namespace: 'research', maxDepth: 3, allowLoops: false, policy: 'research' }),
    log: () => undefined,
  });
  const url = await service.listen();
  const headers = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` });
  return {
    url,
    service,
    state,
    post: (path, body, token) =>
      fetch(url + path, {
        method: 'POST',
        headers: { ...headers(token), 'content-type': typeof body === 'string' ? 'text/plain' : 'application/json' },
        body: typeof body === 'string' ? body : JSON.stringify(body),
      }),
    get: (path, token) => fetch(url + path, { headers: headers(token) }),
    async exchange(subject, type, agent) {
      const body = new URLSearchParams({
        grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
        subject_token: subject,
        subject_token_type: `urn:ietf:params:oauth:token-type:${type}`,
        actor_token: await workloadToken(agent),
        actor_token_type: 'urn:ietf:params:oauth:token-type:jwt',
      });
      const response = await fetch(`${url}/oauth2/token`, { method: 'POST', body });
      return { status: response.status, ...((await response.json()) as { access_token: string; code?: string }) };
    },
    async stop() {
      await service.close();
      await state.stop();
    },
  };
}

/** Starts both; they end with the test. */
export async function startReplicas(t: TestContext, server: ApiServer, more: Partial<ClusterStateOptions> = {}): Promise<Replicas> {
  const cluster = await generateSigningKey();
  const client = await clientOf(server);
  const workloadToken = (agent: string): Promise<string> => {
    const terms = { issuer: CLUSTER, now: Math.floor(Date.now() / 1000), lifetimeSeconds: 600 };
    return mintWorkloadToken(cluster, { pod: podOf(agent), serviceAccount: agent }, terms);
  };
  const start = async (extra: Partial<ClusterStateOptions> = {}): Promise<Replica> => {
    const replica = await startReplica(client, cluster, { ...more, ...extra }, workloadToken);
    t.after(() => replica.stop());
    return replica;
  };
  const [one, other] = await Promise.all([start(), start()]);
  t.after(() => client.close());
  return { one, other, client, start, workloadToken };
}

export function approvalRequest(text: string, more: Partial<ApprovalRequest> = {}): ApprovalRequest {
  const root = { iss: 'https://idp.example', sub: 'u-alice', name: 'alice@example.com', groups: ['db-owners'], authn: 'oidc' };
  return {
    digest: `sha256:${Buffer.from(text).toString('hex').padStart(64, '0').slice(-64)}`,
    event: 'event-1',
    target: 'orders',
    operations: [{ verb: 'INSERT', resource: 'orders', effect: 'write' }],
    summary: text,
    actor: {
      root,
      launch: { id: 'l', chain: 'c', depth: 2, path: ['research/planner', 'research/sql-writer'] },
      agent: { name: 'sql-writer', namespace: 'research' },
    },
    policy: 'research/research',
    rule: 'writes',
    requirement: { groups: ['db-owners'], minimum: 1, timeout: '30m' },
    ...more,
  };
}

interface Review {
  request: {
    uid: string;
    resource: { resource: string };
    userInfo: { username: string; uid?: string; groups?: string[] };
    object: ApprovalObject & AgentLaunch;
    oldObject: ApprovalObject & AgentLaunch;
  };
}

async function reviewed({ request }: Review, keys: KeyRing): Promise<object> {
  const { uid, userInfo, object, oldObject, resource } = request;
  const { username, groups = [] } = userInfo;
  if (username === OPERATOR_USER) return { uid, allowed: true };
  const approver = { iss: 'kubernetes', sub: userInfo.uid ?? username, name: username, groups };
  try {
    const admitted =
      resource.resource === 'approvals'
        ? await admitDecision(oldObject, object, approver, keys, Date.now())
        : admitRevocation(oldObject, object, username, Date.now());
    const patch = Buffer.from(JSON.stringify([{ op: 'replace', path: '/spec', value: admitted.spec }])).toString('base64');
    return { uid, allowed: true, patchType: 'JSONPatch', patch };
  } catch (error) {
    return { uid, allowed: false, status: { code: 403, message: (error as Error).message } };
  }
}

export interface Webhook {
  readonly serving: Serving;
  readonly server: Server;
  readonly port: number;
}

/** Serves admission with the operator's own certificate, and registers it under that CA. */
export async function startWebhook(
  t: TestContext,
  server: ApiServer,
  client: kubernetes.KubernetesClient,
  keys: KeyRing,
  lifetimes = { caSeconds: 86_400, leafSeconds: 86_400, overlapSeconds: 3600 },
): Promise<Webhook> {
  const names = ['cairn-operator.cairn-system.svc', 'localhost', '127.0.0.1'];
  const serving = openServing({ client, namespace: 'cairn-system', names, lifetimes, log: () => undefined });
  await serving.start();
  const listening = createServer(serving.current(), (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      void reviewed(JSON.parse(Buffer.concat(chunks).toString()) as Review, keys).then((answer) =>
        response
          .setHeader('content-type', 'application/json')
          .end(JSON.stringify({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response: answer })),
      );
    });
  });
  serving.follow((pair) => listening.setSecureContext(pair));
  await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
  const { port } = listening.address() as AddressInfo;
  t.after(async () => {
    await server.tryKubectl(['delete', 'mutatingwebhookconfiguration', 'cairn', '--ignore-not-found']);
    listening.close().closeAllConnections();
    await serving.stop();
  });
  const rule = { apiGroups: ['cairn.dev'], apiVersions: ['v1alpha1'], operations: ['UPDATE'], resources: ['approvals', 'agentlaunches'] };
  await server.apply([
    {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'MutatingWebhookConfiguration',
      metadata: { name: 'cairn' },
      webhooks: [
        {
          name: 'objects.cairn.dev',
          rules: [rule],
          clientConfig: { url: `https://127.0.0.1:${port}/mutate`, caBundle: Buffer.from(serving.bundle()).toString('base64') },
          admissionReviewVersions: ['v1'],
          sideEffects: 'None',
          failurePolicy: 'Fail',
        },
      ],
    },
  ]);
  await until('the webhook', async () => {
    const patch = { spec: { decision: 'approve' } };
    const probe = ['patch', 'approval', 'probe', '-n', 'cairn-system', '--type=merge', '-p', JSON.stringify(patch)];
    await ensureProbe(server);
    const { stderr } = await server.tryKubectl(probe);
    return stderr.includes('only members of nobody');
  });
  return { serving, server: listening, port };
}

/** An approval that nobody may decide on: its refusal shows that the webhook is asked. */
async function ensureProbe(server: ApiServer): Promise<void> {
  const { code } = await server.tryKubectl(['get', 'approval', 'probe', '-n', 'cairn-system']);
  if (code === 0) return;
  const request = approvalRequest('probe', { requirement: { groups: ['nobody'], minimum: 1, timeout: '1h' } });
  const metadata = { name: 'probe', namespace: 'cairn-system' };
  await server.kubectl(['create', '-f', '-'], {
    input: JSON.stringify({ apiVersion: 'cairn.dev/v1alpha1', kind: 'Approval', metadata, spec: { request } }),
  });
}
