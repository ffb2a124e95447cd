/**
 * Given an agent as users run it, a pod in an enrolled namespace whose kubectl knows what it finds in the pod and nothing else: it opens a
 * shell in another pod, and the auditor replays the session key by key.
 */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { AuditEvent } from '@cairn/audit';
import { installCairn, type CairnInstallation } from '../../harness/cluster/cairn.js';
import { attachCluster, type Cluster } from '../../harness/cluster/index.js';
import { buildToolbox } from '../../harness/images/index.js';
import { kubectlProgram } from '../../harness/kubernetes/index.js';
import { start } from '../../harness/running.js';
import { spoolEvents } from '../../harness/sidecar.js';
import { until } from '../../harness/until.js';
import { replay } from '../kubernetes-streams/replay.js';
import { assertTold, larger, onTerminal, workAt } from '../kubernetes-streams/shell.js';

const AGENTS = 'agent-shell';
const ELSEWHERE = 'agent-shell-web';
const WAIT = '--timeout=240s';
const RECORDED_MS = 120_000;
const POLL_MS = 500;

function pod(image: string, namespace: string, name: string, spec: object): object {
  const container = { name: 'main', image, imagePullPolicy: 'Never', command: ['sleep', 'infinity'], securityContext: { runAsUser: 1000 } };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace },
    spec: { terminationGracePeriodSeconds: 0, ...spec, containers: [container] },
  };
}

const POLICY = {
  apiVersion: 'cairn.dev/v1alpha1',
  kind: 'AuditPolicy',
  metadata: { name: 'shells', namespace: AGENTS },
  spec: {
    selector: {},
    identity: { required: true },
    targets: [{ name: 'cluster', protocol: 'kubernetes', credential: { serviceAccount: 'agent' } }],
    default: { action: 'Allow', level: 'RequestResponse' },
    undeclared: 'Deny',
  },
};

const SURROUNDINGS = [
  { apiVersion: 'v1', kind: 'Namespace', metadata: { name: AGENTS, labels: { 'cairn.dev/enroll': 'true' } } },
  { apiVersion: 'v1', kind: 'Namespace', metadata: { name: ELSEWHERE } },
  { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'agent', namespace: AGENTS } },
  {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'RoleBinding',
    metadata: { name: 'agent', namespace: ELSEWHERE },
    roleRef: { kind: 'ClusterRole', name: 'admin', apiGroup: 'rbac.authorization.k8s.io' },
    subjects: [{ kind: 'ServiceAccount', name: 'agent', namespace: AGENTS }],
  },
  POLICY,
];

/** Every file of the spool, as name and base64. The sidecar's image has Node and no shell. */
const READ_SPOOL = `
const fs = require('node:fs'), root = '/var/spool/cairn/';
const names = fs.readdirSync(root, { recursive: true }).filter((name) => fs.statSync(root + name).isFile());
console.log(JSON.stringify(names.map((name) => [name, fs.readFileSync(root + name, 'base64')])));`;

describe("an agent's shell in another pod", () => {
  let cluster: Cluster;
  let installed: CairnInstallation;
  let folder: string;

  before(async () => {
    cluster = await attachCluster();
    const image = await buildToolbox();
    await cluster.importImage(image.archive);
    installed = await installCairn(cluster);
    folder = mkdtempSync(join(tmpdir(), 'cairn-agent-shell-'));
    await removed();
    await cluster.apply(SURROUNDINGS);
    await cluster.apply([
      pod(image.reference, ELSEWHERE, 'web', {}),
      pod(image.reference, AGENTS, 'agent', { serviceAccountName: 'agent' }),
    ]);
    await cluster.kubectl(['wait', '-n', ELSEWHERE, '--for=condition=Ready', 'pod/web', WAIT]);
    await cluster.kubectl(['wait', '-n', AGENTS, '--for=condition=Ready', 'pod/agent', WAIT]);
  });
  after(async () => {
    await removed();
    rmSync(folder, { recursive: true, force: true });
  });

  const removed = (): Promise<string> => cluster.kubectl(['delete', 'namespace', AGENTS, ELSEWHERE, '--ignore-not-found', WAIT]);
  const inside = (...command: string[]): string[] => ['exec', '-n', AGENTS, 'agent', '-c', 'main', '-i', '--', ...command];

  /** A copy of what the agent's sidecar has written by now. */
  async function spool(): Promise<string> {
    const copy = mkdtempSync(join(folder, 'spool-'));
    const said = await cluster.kubectl(['exec', '-n', AGENTS, 'agent', '-c', 'cairn-sidecar', '--', 'node', '-e', READ_SPOOL]);
    for (const [name, content] of JSON.parse(said) as [string, string][]) {
      mkdirSync(dirname(join(copy, name)), { recursive: true });
      writeFileSync(join(copy, name), Buffer.from(content, 'base64'));
    }
    return copy;
  }

  for (const [transport, variables] of [
    ['WebSocket', []],
    ['SPDY/3.1', ['KUBECTL_REMOTE_COMMAND_WEBSOCKETS=false']],
  ] as const) {
    it(`over ${transport} is recorded by the agent's own sidecar, and replays keystroke by keystroke`, async () => {
      const marker = `shell=${transport}`;
      const shell = `env HOME=/tmp ${variables.join(' ')} kubectl exec -it -n ${ELSEWHERE} web -- env ${marker} sh`;
      const person = { PATH: process.env['PATH'], HOME: folder, KUBECONFIG: cluster.kubeconfig };
      const terminal = start(await kubectlProgram(), inside('script', ...onTerminal(shell, '/tmp/tty')), person);
      await workAt(terminal, async () => {
        const tty = await cluster.kubectl(inside('cat', '/tmp/tty'));
        await cluster.kubectl(inside('stty', ...larger(tty.trim())));
      });
      const isMarked = ({ stage, operation }: AuditEvent): boolean =>
        stage === 'complete' && operation?.verb === 'pods/exec' && JSON.stringify(operation.parameters).includes(marker);
      const [copy, event] = await until(
        'the end of the session',
        async () => {
          const found = await spool();
          const marked = spoolEvents(found).find(isMarked);
          return marked && ([found, marked] as const);
        },
        RECORDED_MS,
        POLL_MS,
      );
      assert.deepEqual([event.agent.pod, event.operation!.resource, event.response!.status], ['agent', `${ELSEWHERE}/pods/web/exec`, '7']);
      assertTold(await replay(copy, event.session!.id, installed.auditorKey, folder));
    });
  }
});
