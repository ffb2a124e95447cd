/** The company of the suite as plain data: targets that know no Cairn, and agents under Pod Security `restricted` that reach the gateway alone. */
import { readFileSync } from 'node:fs';

export const NAMESPACE = 'strict';
export const DATA = 'strict-data';
export const WEB = `web.${DATA}.svc`;
export const ORDERS = `orders.${DATA}.svc`;
/** Who deploys the agents, by a client certificate. */
export const DEPLOYER = 'alice@example.com';
/** Who decides on what is held. */
export const APPROVERS = 'db-owners';
export const ROLE = 'agent_role';
/** The Secrets' names in policies, and in the installation's namespace. */
export const SECRETS = { web: 'strict-web', orders: 'strict-orders' } as const;
const TOOLBOX = 'cairn-test/toolbox:latest';
const POSTGRES = 'cairn-test/postgres:latest';

/** What the gateway alone holds. */
export interface Credentials {
  bearer: string;
  password: string;
}

export const program = (name: string): string => readFileSync(new URL(`../../../testdata/gateway/${name}.mjs`, import.meta.url), 'utf8');

const namespaceOf = (name: string, labels: Record<string, string> = {}): object => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name, labels },
});

const configMap = (namespace: string, name: string, data: Record<string, string>): object => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace },
  data,
});

const service = (name: string, port: number, targetPort: number): object => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: DATA },
  spec: { selector: { app: name }, ports: [{ port, targetPort }] },
});

const binding = (name: string, role: string, subject: object): object => ({
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'RoleBinding',
  metadata: { name, namespace: NAMESPACE },
  roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
  subjects: [subject],
});

const programs = { name: 'programs', mountPath: '/programs', readOnly: true };

/** What Pod Security `restricted` asks for, and a root that nobody writes to. */
const RESTRICTED = {
  allowPrivilegeEscalation: false,
  capabilities: { drop: ['ALL'] },
  readOnlyRootFilesystem: true,
  runAsNonRoot: true,
  runAsUser: 1000,
  seccompProfile: { type: 'RuntimeDefault' },
};

function podSpec(command: readonly string[], more: object = {}): object {
  const container = {
    name: 'main',
    image: TOOLBOX,
    imagePullPolicy: 'Never',
    command,
    securityContext: RESTRICTED,
    volumeMounts: [programs, { name: 'tmp', mountPath: '/tmp' }],
    ...more,
  };
  return {
    terminationGracePeriodSeconds: 1,
    containers: [container],
    volumes: [
      { name: 'programs', configMap: { name: 'programs' } },
      { name: 'tmp', emptyDir: {} },
    ],
  };
}

const TCP_READY = (port: number): object => ({ readinessProbe: { tcpSocket: { port }, periodSeconds: 1 } });

function serverPod(name: string, spec: object): object {
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: DATA, labels: { app: name } }, spec };
}

function database({ password }: Credentials): object[] {
  const sql = [`create role ${ROLE} login password '${password}'`, 'create table done (who text, number int, primary key (who, number))'];
  const grants = [`grant select, insert, delete on done to ${ROLE}`];
  const container = {
    name: 'postgres',
    image: POSTGRES,
    imagePullPolicy: 'Never',
    env: [
      { name: 'POSTGRES_DB', value: 'orders' },
      { name: 'POSTGRES_PASSWORD', value: "of the database's owner" },
      { name: 'PGDATA', value: '/var/lib/postgresql/data/pgdata' },
    ],
    ...TCP_READY(5432),
    volumeMounts: [
      { name: 'data', mountPath: '/var/lib/postgresql/data' },
      { name: 'sql', mountPath: '/docker-entrypoint-initdb.d' },
    ],
  };
  const volumes = [
    { name: 'data', emptyDir: {} },
    { name: 'sql', configMap: { name: 'sql' } },
  ];
  const spec = { terminationGracePeriodSeconds: 1, automountServiceAccountToken: false, containers: [container], volumes };
  return [
    configMap(DATA, 'sql', { '1.sql': `${[...sql, ...grants].join(';\n')};\n` }),
    serverPod('orders', spec),
    service('orders', 5432, 5432),
  ];
}

/** The Secrets of the gateway, in the installation's namespace. */
export function secrets(namespace: string, { bearer, password }: Credentials): object[] {
  const secret = (name: string, stringData: Record<string, string>): object => ({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, namespace },
    stringData,
  });
  return [namespaceOf(namespace), secret(SECRETS.web, { token: bearer }), secret(SECRETS.orders, { username: ROLE, password })];
}

/** Targets outside of the agents' namespace, without Cairn. */
export function targets(credentials: Credentials): object[] {
  return [
    namespaceOf(DATA),
    configMap(DATA, 'programs', { 'web.mjs': program('web') }),
    serverPod('web', podSpec(['node', '/programs/web.mjs'], TCP_READY(8080))),
    service('web', 80, 8080),
    // Somebody who is no agent, and whom no policy keeps from anything.
    serverPod('stranger', podSpec(['sleep', 'infinity'])),
    ...database(credentials),
  ];
}

const POLICY = {
  apiVersion: 'cairn.dev/v1alpha1',
  kind: 'AuditPolicy',
  metadata: { name: 'strict', namespace: NAMESPACE },
  spec: {
    selector: {},
    egress: 'Gateway',
    identity: { required: true, providers: [], maxDepth: 5, onAmbiguous: 'Deny' },
    targets: [
      { name: 'web', protocol: 'http', hosts: [WEB], port: 80, credential: { bearerSecret: { name: 'web', key: 'token' } } },
      { name: 'orders', protocol: 'postgres', hosts: [ORDERS], port: 5432, credential: { secret: 'orders' }, tls: { mode: 'Disable' } },
      { name: 'cluster', protocol: 'kubernetes', credential: { serviceAccount: 'agents' } },
    ],
    rules: [
      { name: 'rows', match: { targets: ['orders'], verbs: ['INSERT'] }, action: 'Allow', level: 'Request', delivery: 'Strict' },
      {
        name: 'removals',
        match: { targets: ['orders'], verbs: ['DELETE'] },
        action: 'RequireApproval',
        level: 'Request',
        approval: { groups: [APPROVERS], minimum: 1, timeout: '10m' },
      },
    ],
    default: { action: 'Allow', level: 'Metadata' },
    undeclared: 'Deny',
  },
};

/** The agents' namespace and all that stands in it but agents. */
export function surroundings(): object[] {
  const group = (name: string): object => ({ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name });
  const labels = { 'cairn.dev/enroll': 'true', 'pod-security.kubernetes.io/enforce': 'restricted' };
  return [
    namespaceOf(NAMESPACE, labels),
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'agents', namespace: NAMESPACE } },
    binding('deployer', 'edit', { apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: DEPLOYER }),
    binding('agents', 'edit', { kind: 'ServiceAccount', name: 'agents', namespace: NAMESPACE }),
    binding('approvers', 'cairn-approver', group(APPROVERS)),
    configMap(NAMESPACE, 'programs', { 'worker.mjs': program('worker') }),
    POLICY,
  ];
}

const ENV = [
  { name: 'PGHOST', value: ORDERS },
  { name: 'PGPORT', value: '5432' },
];
const EXPLICIT = { 'cairn.dev/capture': 'explicit' };

/** An agent that is told what to do by commands in its container. */
export function idleAgent(name: string): object {
  const metadata = { name, namespace: NAMESPACE, labels: { app: name }, annotations: { ...EXPLICIT, 'cairn.dev/agent': name } };
  const spec = { serviceAccountName: 'agents', restartPolicy: 'Never', ...podSpec(['sleep', 'infinity'], { env: ENV }) };
  return { apiVersion: 'v1', kind: 'Pod', metadata, spec };
}

/** Agents that work for ever; how many, `kubectl scale` says. */
export function workers(replicas: number): object {
  const labels = { app: 'worker' };
  const spec = { serviceAccountName: 'agents', ...podSpec(['node', '/programs/worker.mjs', WEB], { env: ENV }) };
  const template = { metadata: { labels, annotations: { ...EXPLICIT, 'cairn.dev/agent': 'worker' } }, spec };
  const metadata = { name: 'worker', namespace: NAMESPACE };
  return { apiVersion: 'apps/v1', kind: 'Deployment', metadata, spec: { replicas, selector: { matchLabels: labels }, template } };
}

/** What an agent creates through the gateway: another agent, which asks once. */
export function childJob(): object {
  const spec = { serviceAccountName: 'agents', restartPolicy: 'Never', ...podSpec(['curl', '-sS', '--fail', `http://${WEB}/child`]) };
  const template = { metadata: { labels: { app: 'child' }, annotations: { ...EXPLICIT, 'cairn.dev/agent': 'child' } }, spec };
  return { apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'child', namespace: NAMESPACE }, spec: { backoffLimit: 0, template } };
}
