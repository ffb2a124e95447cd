/** An enrolled namespace with people, an agent's service account, and the agents' part of a launch, which nodes and sidecars play elsewhere. */
import { request } from 'node:https';
import type { AgentLaunch } from '@cairn/crds';
import type { ApiServer, CommandResult } from '../harness/kubernetes/index.js';
import type { Installation } from './installation.js';
import { NAMESPACE, SERVICE, type Replica } from './replica.js';
import { until } from '../harness/until.js';

export const RESEARCH = 'research';
export const AGENTS = 'agents';
const TOKEN_TYPE = 'urn:ietf:params:oauth:token-type:';

export interface StoredPod {
  metadata: {
    name: string;
    uid: string;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
    ownerReferences?: { kind: string; name: string }[];
  };
  spec: PodSpec;
}
export interface PodSpec {
  [field: string]: unknown;
  containers: { name: string; image: string; [field: string]: unknown }[];
  initContainers?: { name: string; image: string; restartPolicy?: string; [field: string]: unknown }[];
}

/** `maxDepth` of agents in the policy. */
const policy = (namespace: string) => ({
  apiVersion: 'cairn.dev/v1alpha1',
  kind: 'AuditPolicy',
  metadata: { name: 'research', namespace },
  spec: {
    selector: { matchLabels: { team: 'research' } },
    identity: { required: true, maxDepth: 3 },
    targets: [{ name: 'orders', protocol: 'postgres', hosts: ['orders.data.svc'], port: 5432 }],
    default: { action: 'Deny', level: 'Metadata' },
    undeclared: 'Deny',
  },
});

const role = (namespace: string, name: string, subject: object, rules: object[]) => [
  { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'Role', metadata: { name, namespace }, rules },
  {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'RoleBinding',
    metadata: { name, namespace },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name },
    subjects: [subject],
  },
];

const everything = { apiGroups: ['', 'apps', 'batch', 'networking.k8s.io'], resources: ['*'], verbs: ['*'] };
const jobs = { apiGroups: ['batch'], resources: ['jobs'], verbs: ['create', 'get', 'list'] };

/** The namespace, its policy, a group `research` that may do everything in it, and an account whose pods may create Jobs. */
export async function enroll(server: ApiServer, namespace = RESEARCH): Promise<void> {
  await server.apply([{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } }, policy(namespace)]);
  await server.apply([
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: AGENTS, namespace } },
    ...role(namespace, 'people', { kind: 'Group', name: 'research', apiGroup: 'rbac.authorization.k8s.io' }, [everything]),
    ...role(namespace, 'agents', { kind: 'ServiceAccount', name: AGENTS, namespace }, [jobs]),
  ]);
  await server.kubectl(['label', 'namespace', namespace, 'cairn.dev/enroll=true']);
  await until('a default service account', () => server.get('serviceaccount', 'default', '-n', namespace));
}

/** A container as anybody would write it, whom nothing needs to be taken from. */
const container = (name: string) => ({ name, image: `registry.example/${name}:1`, command: ['run'] });

export function podTemplate(name: string, change: Partial<PodSpec> = {}): { metadata: object; spec: object } {
  return {
    metadata: { labels: { app: name, team: 'research' } },
    spec: { serviceAccountName: AGENTS, restartPolicy: 'Never', containers: [container(name)], ...change },
  };
}

export function job(name: string, namespace = RESEARCH): object {
  return { apiVersion: 'batch/v1', kind: 'Job', metadata: { name, namespace }, spec: { template: podTemplate(name) } };
}

export interface NewPod {
  apiVersion: 'v1';
  kind: 'Pod';
  metadata: { name: string; namespace: string; labels?: object; annotations?: object };
  spec: object;
}

export function pod(name: string, change: Partial<PodSpec> = {}, namespace = RESEARCH): NewPod {
  const { metadata, spec } = podTemplate(name, change);
  return { apiVersion: 'v1', kind: 'Pod', metadata: { ...metadata, name, namespace }, spec };
}

export function deployment(name: string, image = `registry.example/${name}:1`): object {
  const template = podTemplate(name, { restartPolicy: 'Always', containers: [{ ...container(name), image }] });
  const spec = { replicas: 1, selector: { matchLabels: { app: name } }, template };
  return { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name, namespace: RESEARCH }, spec };
}

/** Creates an object as somebody, without what `kubectl apply` writes beside it. */
export async function create(server: ApiServer, object: object, as?: string): Promise<string> {
  const who = as === undefined ? {} : { as };
  return server.kubectl(['create', '-f', '-'], { input: JSON.stringify(object), ...who });
}

export async function tryCreate(server: ApiServer, object: object, as?: string): Promise<CommandResult> {
  return server.tryKubectl(['create', '-f', '-'], { input: JSON.stringify(object), ...(as === undefined ? {} : { as }) });
}

/** The pods that controllers made for `app=NAME`, once there are some that `wanted` takes. */
export async function podOf(server: ApiServer, name: string, wanted: (pod: StoredPod) => boolean = () => true): Promise<StoredPod> {
  return until(`a pod of ${name}`, async () => {
    const { items } = await server.get<{ items: StoredPod[] }>('pods', '-n', RESEARCH, '-l', `app=${name}`);
    return items.find(wanted);
  });
}

/** A kubeconfig with the token that a node would project into the pod. */
export async function asPod(server: ApiServer, { metadata: { name } }: StoredPod): Promise<string> {
  return server.bearer(await server.serviceAccountToken(RESEARCH, AGENTS, { pod: name }));
}

export interface Exchange {
  status: number;
  body: { access_token?: string; error?: string; error_description?: string; code?: string };
}

export interface ExchangeOptions {
  /** Default: the grant that stands on the pod. */
  grant?: string;
  /** Which replica is asked; default the first. */
  replica?: Replica;
}

async function exchanged(cairn: Installation, form: Readonly<Record<string, string>>, replica?: Replica): Promise<Exchange> {
  const body = new URLSearchParams({ grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange', ...form }).toString();
  const answer = await ask(cairn, '/oauth2/token', { replica, type: 'application/x-www-form-urlencoded', body });
  return { status: answer.status, body: JSON.parse(answer.text) as Exchange['body'] };
}

/** The operator's own access token for whoever holds a service account's token. */
export async function accessToken(cairn: Installation, serviceAccountToken: string): Promise<string> {
  const { body } = await exchanged(cairn, {
    subject_token: serviceAccountToken,
    subject_token_type: `${TOKEN_TYPE}jwt`,
    requested_token_type: `${TOKEN_TYPE}access_token`,
  });
  if (!body.access_token) throw new Error(`the token service refused: ${body.error_description}`);
  return body.access_token;
}

/** What the pod's sidecar does when it starts: presents the pod's grant with its projected token, and is given the launch's. */
export async function exchange(cairn: Installation, of: StoredPod, { grant, replica }: ExchangeOptions = {}): Promise<Exchange> {
  const form = {
    subject_token: grant ?? of.metadata.annotations?.['cairn.dev/grant'] ?? '',
    subject_token_type: `${TOKEN_TYPE}jwt`,
    actor_token: await workloadToken(cairn.server, of),
    actor_token_type: `${TOKEN_TYPE}jwt`,
    requested_token_type: `${TOKEN_TYPE}txn_token`,
  };
  return exchanged(cairn, form, replica);
}

/** The token that a node projects into the sidecar. */
export function workloadToken(server: ApiServer, { metadata: { name } }: StoredPod): Promise<string> {
  return server.serviceAccountToken(RESEARCH, AGENTS, { pod: name, audience: 'cairn.dev' });
}

interface Question {
  replica?: Replica | undefined;
  token?: string;
  /** With a body it is a POST. */
  type?: string;
  body?: string;
}

/** Asks a replica's token service as a sidecar does: by its Service's name, trusting what the namespace was given. */
export async function ask(
  cairn: Installation,
  path: string,
  { replica, token, type, body }: Question,
): Promise<{ status: number; text: string }> {
  const { serviceUrl } = replica ?? cairn.replicas[0]!;
  const headers = { ...(token ? { authorization: `Bearer ${token}` } : {}), ...(type ? { 'content-type': type } : {}) };
  const tls = { ca: await operatorCa(cairn.server), servername: `${SERVICE}.${NAMESPACE}.svc`, agent: false } as const;
  return new Promise((resolve, reject) => {
    const sent = request(serviceUrl + path, { ...tls, method: body === undefined ? 'GET' : 'POST', headers }, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      answer.once('end', () => resolve({ status: answer.statusCode!, text }));
    });
    sent.once('error', reject).end(body);
  });
}

/** The CA that sidecars of the namespace are given, as PEM. */
export async function operatorCa(server: ApiServer): Promise<string> {
  const { data } = await until('the CA', () => server.get<{ data: Record<string, string> }>('configmap', 'cairn-ca', '-n', RESEARCH));
  return data['ca.crt']!;
}

/** Runs a pod's part of its launch and returns the record that the operator made of it. */
export async function launch(installation: Installation, of: StoredPod): Promise<AgentLaunch> {
  const { status, body } = await exchange(installation, of);
  if (status !== 200) throw new Error(`the token service answered ${status}: ${body.error_description}`);
  return until(`the launch of ${of.metadata.name}`, () => launchOf(installation.server, of));
}

export async function launchOf(server: ApiServer, { metadata }: StoredPod): Promise<AgentLaunch | undefined> {
  const { items } = await server.get<{ items: AgentLaunch[] }>('agentlaunches', '-n', RESEARCH);
  return items.find(({ spec }) => spec.pod.uid === metadata.uid);
}
