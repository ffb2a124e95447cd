/** For tests: the webhook over plain HTTP, with a real signer and a cluster that is plain data. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import { API_VERSION, type AuditPolicy } from '@cairn/crds';
import { generateSigningKey } from '@cairn/identity';
import { Registry } from 'prom-client';
import { DEFAULT_SETTINGS, type KubernetesObject } from '../inject/index.js';
import type { UserInfo } from '../lineage/index.js';
import { LAUNCHERS } from '../lineage/fixture.js';
import type { KeyRing } from '../service/index.js';
import type { AdmissionEvent, AdmissionOptions } from './options.js';
import type { PatchOperation } from './patch.js';
import { createAdmissionServer } from './server.js';

export const POLICY: AuditPolicy = {
  apiVersion: API_VERSION,
  kind: 'AuditPolicy',
  metadata: { name: 'research', namespace: 'research' },
  spec: {
    selector: {},
    identity: { required: true, providers: [], maxDepth: 3, onAmbiguous: 'Deny', allowLoops: false },
    egress: 'Sidecar',
    targets: [],
    rules: [],
    default: { action: 'Allow', level: 'Metadata', delivery: 'Durable' },
    undeclared: 'Deny',
    unparsed: 'Deny',
  },
};

const ISSUER = 'https://cairn-operator.cairn-system.svc:8443';

async function keyRing(): Promise<KeyRing> {
  const current = await generateSigningKey();
  const jwks = { keys: [current.publicJwk] };
  return { current, jwks: () => jwks, rotate: () => Promise.reject(new Error('these keys stay')) };
}

interface Answered {
  allowed: boolean;
  code: string;
  message: string;
  warnings: string[];
  patch: PatchOperation[];
  /** The object with the patch applied. */
  object: KubernetesObject;
}

export interface WebhookFixture {
  url: string;
  events: AdmissionEvent[];
  options: AdmissionOptions;
  /** Milliseconds that the clock is ahead. */
  ahead: { ms: number };
  ask(path: string, user: UserInfo, object: KubernetesObject, more?: Record<string, unknown>): Promise<Answered>;
  send(path: string, body: string, type?: string): Promise<{ status: number; error: string }>;
}

/** Applies what jsonPatch makes (RFC 6902 4): add, remove and replace of members and items that are there, add at a list's end. */
export function applyPatch<T>(document: T, operations: readonly PatchOperation[]): T {
  const root = { document: structuredClone(document) } as Record<string, unknown>;
  for (const operation of operations) {
    const keys = ['document', ...operation.path.split('/').slice(1)].map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'));
    const last = keys.pop()!;
    const parent = keys.reduce<Record<string, unknown>>((node, key) => node[key] as Record<string, unknown>, root);
    if (last === '-' && Array.isArray(parent)) parent.push(structuredClone(operation.op === 'add' ? operation.value : undefined));
    else if (operation.op === 'remove') delete parent[last];
    else parent[last] = structuredClone(operation.value);
  }
  return root['document'] as T;
}

const GROUPS: Record<string, string> = {
  Deployment: 'apps',
  ReplicaSet: 'apps',
  StatefulSet: 'apps',
  DaemonSet: 'apps',
  Job: 'batch',
  CronJob: 'batch',
};

export function review(user: UserInfo, object: KubernetesObject, more: Record<string, unknown> = {}): object {
  const kind = object.kind ?? '';
  const group = object.apiVersion?.includes('/') ? object.apiVersion.split('/')[0]! : (GROUPS[kind] ?? '');
  return {
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: {
      uid: 'request-1',
      kind: { group, version: 'v1', kind },
      operation: 'CREATE',
      namespace: 'research',
      name: object.metadata?.name ?? '',
      userInfo: user,
      object,
      ...more,
    },
  };
}

/** `egress`: of the policy of every namespace. */
export async function startWebhook(
  t: TestContext,
  { egress = 'Sidecar', ...changed }: Partial<AdmissionOptions> & { egress?: AuditPolicy['spec']['egress'] } = {},
): Promise<WebhookFixture> {
  const events: AdmissionEvent[] = [];
  const ahead = { ms: 0 };
  const clock = (): number => Date.now() + ahead.ms;
  const options: AdmissionOptions = {
    cluster: {
      ...LAUNCHERS,
      heard: () => Promise.resolve(),
      policies: (namespace) => [{ ...POLICY, metadata: { ...POLICY.metadata, namespace }, spec: { ...POLICY.spec, egress } }],
      namespaceLabels: () => undefined,
      version: () => ({ major: 1, minor: 35 }),
    },
    settings: () => DEFAULT_SETTINGS,
    keys: await keyRing(),
    issuer: ISSUER,
    trusted: [{ serviceAccount: 'frameworks/runner', kinds: ['AgentRun.example.com'] }],
    event: (event) => void events.push(event),
    log: () => undefined,
    registry: new Registry(),
    clock,
    ...changed,
  };
  const server = createServer(createAdmissionServer(options).handler);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close().closeAllConnections());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const post = (path: string, body: string, type = 'application/json'): Promise<Response> =>
    fetch(url + path, { method: 'POST', headers: { 'content-type': type }, body });
  return {
    url,
    events,
    options,
    ahead,
    async ask(path, user, object, more) {
      const response = await post(path, JSON.stringify(review(user, object, more)));
      const { response: said } = (await response.json()) as { response: Record<string, unknown> };
      const patch = said['patch'] ? (JSON.parse(Buffer.from(said['patch'] as string, 'base64').toString()) as PatchOperation[]) : [];
      const { message = '' } = (said['status'] ?? {}) as { message?: string };
      const code = /\(([\w-]+)\)$/.exec(message)?.[1] ?? '';
      const warnings = (said['warnings'] ?? []) as string[];
      return { allowed: said['allowed'] as boolean, code, message, warnings, patch, object: applyPatch(object, patch) };
    },
    async send(path, body, type) {
      const response = await post(path, body, type);
      return { status: response.status, error: ((await response.json()) as { error: string }).error };
    },
  };
}
