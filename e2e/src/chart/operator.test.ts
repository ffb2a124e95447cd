import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { until } from '../harness/until.js';
import { sharedApiServer, type ApiServer } from '../harness/kubernetes/index.js';
import { freePorts } from '../harness/ports.js';
import type { KubernetesObject } from './helm.js';
import { CHART, NAMESPACE, RELEASE, repositoryFile, ROOT } from './repository.js';

interface Container {
  command: string[];
  env: { name: string; value?: string }[];
}

/** A line of the API server's audit log (audit.k8s.io/v1). */
interface AuditLine {
  verb: string;
  requestURI: string;
  user: { username: string };
  responseStatus?: { code: number; message?: string };
}

interface Webhooks {
  webhooks: { clientConfig: { caBundle?: string } }[];
}

const ACCOUNT = `system:serviceaccount:${NAMESPACE}:cairn-operator`;
/** Where the Deployment mounts its ConfigMap. */
const MOUNT = '/etc/cairn';

let cluster: ApiServer;
let operator: ChildProcess;
let admin: string;
let log = '';

/** The command and environment of the Deployment, with files and ports of this machine. */
async function started(folder: string): Promise<ChildProcess> {
  const { spec } = await cluster.get<{ spec: { template: { spec: { containers: [Container] } } } }>(
    'deployment',
    'cairn-operator',
    '-n',
    NAMESPACE,
  );
  const { data } = await cluster.get<{ data: Record<string, string> }>('configmap', 'cairn-operator', '-n', NAMESPACE);
  for (const [name, text] of Object.entries(data)) writeFileSync(join(folder, name), text);
  const [container] = spec.template.spec.containers;
  const [service, admission, metrics] = await freePorts(3);
  admin = `http://127.0.0.1:${metrics}`;
  const token = await cluster.serviceAccountToken(NAMESPACE, 'cairn-operator');
  const env = {
    ...Object.fromEntries(container.env.map(({ name, value }) => [name, value?.replace(MOUNT, folder)])),
    PATH: process.env['PATH'],
    KUBECONFIG: await cluster.bearer(token),
    CAIRN_NAMESPACE: NAMESPACE,
    CAIRN_POD_NAME: 'cairn-operator-here',
    CAIRN_SERVICE_LISTEN: `127.0.0.1:${service}`,
    CAIRN_ADMISSION_LISTEN: `127.0.0.1:${admission}`,
    CAIRN_ADMIN_LISTEN: `127.0.0.1:${metrics}`,
  };
  const [program, ...args] = container.command;
  const child = spawn(program!, args, { cwd: ROOT, env, stdio: ['ignore', 'ignore', 'pipe'] });
  child.stderr.setEncoding('utf8').on('data', (text: string) => (log += text));
  return child;
}

const ready = async (): Promise<boolean> => {
  if (operator.exitCode !== null) assert.fail(`the operator ended: ${log}`);
  return (await fetch(`${admin}/readyz`)).ok;
};

const exists = async (...what: string[]): Promise<boolean> => (await cluster.tryKubectl(['get', ...what])).code === 0;

describe('the operator, started as the chart starts it, with the rights that the chart gives', () => {
  const shared = sharedApiServer({ audit: true });
  const folder = mkdtempSync(join(tmpdir(), 'cairn-operator-'));

  before(async () => {
    cluster = shared();
    await cluster.helm(['install', RELEASE, CHART, '--namespace', NAMESPACE, '--create-namespace']);
    operator = await started(folder);
    await until('the operator is ready', ready);
  });
  after(() => {
    operator.kill('SIGKILL');
    rmSync(folder, { recursive: true });
  });

  test('makes its keys, its certificate and its Lease, and gives its webhooks the CA', async () => {
    for (const what of [
      'secret/cairn-signing-keys',
      'secret/cairn-serving',
      'lease/cairn-operator',
      'configmap/cairn-ca',
      'configmap/cairn-trust',
    ]) {
      await until(what, () => exists(what, '-n', NAMESPACE));
    }
    for (const kind of ['mutatingwebhookconfiguration', 'validatingwebhookconfiguration']) {
      await until(`caBundle of every webhook in the ${kind}`, async () => {
        const { webhooks } = await cluster.get<Webhooks>(kind, 'cairn');
        return webhooks.every(({ clientConfig }) => clientConfig.caBundle);
      });
    }
  });

  test('an upgrade leaves the CA in the webhooks', async () => {
    await cluster.helm(['upgrade', RELEASE, CHART, '--namespace', NAMESPACE, '--set', 'logLevel=debug']);
    const { webhooks } = await cluster.get<Webhooks>('mutatingwebhookconfiguration', 'cairn');
    assert.ok(webhooks.every(({ clientConfig }) => clientConfig.caBundle));
  });

  test('finds the fence as it renders it itself, tells of gaps in it, and an upgrade of the chart closes them', async () => {
    const drifted = async (kind: string): Promise<string | undefined> =>
      new RegExp(`^cairn_operator_drift\\{kind="${kind}"\\} (\\d+)$`, 'm').exec(await (await fetch(`${admin}/metrics`)).text())?.[1];
    await until('a look', async () => (await drifted('FenceMissing')) !== undefined);
    assert.deepEqual([await drifted('FenceMissing'), await drifted('FenceChanged')], ['0', '0']);
    await cluster.kubectl(['delete', 'validatingadmissionpolicybinding', 'cairn-records']);
    await until('the binding to be missed', async () => (await drifted('FenceMissing')) === '1');
    const audit = JSON.stringify({ spec: { validationActions: ['Audit'] } });
    await cluster.kubectl(['patch', 'validatingadmissionpolicybinding', 'cairn-tokens', '--type=merge', '-p', audit]);
    await until('the other to be told', async () => (await drifted('FenceChanged')) === '1');
    await cluster.helm(['upgrade', RELEASE, CHART, '--namespace', NAMESPACE]);
    await until('both as they were', async () => (await drifted('FenceMissing')) === '0' && (await drifted('FenceChanged')) === '0');
  });

  test('fences an enrolled namespace and says where its policy stands', async () => {
    // Nothing leads the API server to this process: no node runs the pods of the Service.
    await cluster.kubectl(['delete', 'mutatingwebhookconfiguration,validatingwebhookconfiguration', 'cairn']);
    await cluster.kubectl(['create', 'namespace', 'research']);
    await cluster.kubectl(['label', 'namespace', 'research', 'cairn.dev/enroll=true']);
    await cluster.apply(repositoryFile('examples/research/identity.yaml'));
    await cluster.apply(repositoryFile('examples/research/policy.yaml'));
    await until('cairn-ca in the namespace', () => exists('configmap/cairn-ca', '-n', 'research'));
    await until('network policies', async () => {
      const { items } = await cluster.get<{ items: KubernetesObject[] }>('networkpolicies', '-n', 'research');
      return items.length > 0;
    });
    await until('conditions of the policy', async () => {
      const { status } = await cluster.get<{ status?: { conditions?: object[] } }>('auditpolicy', 'research', '-n', 'research');
      return (status?.conditions ?? []).length > 0;
    });
  });

  test('was refused nothing, and ends when it is told to', async () => {
    operator.kill('SIGTERM');
    const [code] = (await once(operator, 'exit')) as [number];
    assert.equal(code, 0, log);
    const lines = readFileSync(cluster.auditLog!, 'utf8').trim().split('\n');
    const asked = lines.map((line) => JSON.parse(line) as AuditLine).filter(({ user }) => user.username === ACCOUNT);
    const refused = asked.filter(({ responseStatus }) => responseStatus?.code === 403);
    assert.ok(asked.length > 0);
    assert.deepEqual(
      refused.map(({ verb, requestURI, responseStatus }) => `${verb} ${requestURI}: ${responseStatus?.message}`),
      [],
    );
  });
});
