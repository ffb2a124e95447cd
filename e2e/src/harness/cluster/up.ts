/** Brings a cluster up: the steps in their order, and what each needs. */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { makeCgroups } from './cgroups.js';
import { startCilium } from './cilium/index.js';
import { Cluster } from './cluster.js';
import { startControlPlane, type ClusterContext } from './control-plane.js';
import { clusterAuthority, issueCredentials } from './credentials.js';
import { removeCluster } from './down.js';
import { importArchive } from './images.js';
import { layoutOf } from './layout.js';
import { NODE_TIMEOUT_MS } from './limits.js';
import { claimIndex, connectNode } from './network.js';
import { NodeNamespaces } from './node-namespaces.js';
import { startContainerd, startKubelet, startKubeProxy } from './node-programs.js';
import { dnsObjects, podImages } from './pods/index.js';
import { providePrograms } from './programs.js';
import { alone, stateOf, writePlan } from './state.js';
import { until } from './run.js';

const NO_ROOT = 'the suites of a cluster need the node of their harness, and that needs root on Linux; make cluster also takes kind';

/** The cluster, brought up first where it is not. Rejects with a sentence that says what to do, and leaves nothing running then. */
export async function attachCluster(name = process.env['CLUSTER'] || 'cairn'): Promise<Cluster> {
  return (await bringUp(name)).cluster;
}

/** `started`: whether it was not up before. */
export async function bringUp(name: string): Promise<{ cluster: Cluster; started: boolean }> {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) throw new Error(NO_ROOT);
  await providePrograms();
  return alone(name, async () => {
    const layout = layoutOf(name);
    const before = await stateOf(name);
    if (before.state === 'broken') await removeCluster(name, before);
    if (before.state !== 'up') await start(name);
    const now = await stateOf(name);
    if (now.state !== 'up') throw new Error(`the cluster ${name} ended while it came up: look at ${layout.logs}`);
    return { cluster: new Cluster(now.plan, layout, now.node, await clusterAuthority(layout)), started: before.state !== 'up' };
  });
}

async function start(name: string): Promise<void> {
  const layout = layoutOf(name);
  await rm(layout.logs, { recursive: true, force: true });
  await mkdir(layout.logs, { recursive: true });
  const plan = await claimIndex(name, layout.folder);
  try {
    await writePlan(layout, plan, 'starting');
    await writeFile(layout.hosts, '');
    await makeCgroups(plan);
    const node = await NodeNamespaces.start(plan, layout);
    await connectNode(plan, node);
    await startPrograms({ plan, layout, node, credentials: await issueCredentials(plan, layout) });
    await writePlan(layout, plan, 'ready');
  } catch (error) {
    const state = await stateOf(name);
    if (state.state !== 'absent') await removeCluster(name, state);
    throw error;
  }
}

async function startPrograms(context: ClusterContext): Promise<void> {
  const { plan, layout, node } = context;
  step('starting the control plane and containerd');
  await Promise.all([startControlPlane(context), startContainerd(context).then(() => importPodImages(context))]);
  step('starting the node');
  const admin = new Cluster(plan, layout, node, context.credentials.authority);
  await admin.apply(dnsObjects(plan, layout.hosts));
  await Promise.all([startKubelet(context), startKubeProxy(context), startCilium(context)]);
  step('waiting for the node and its DNS');
  await becomesReady(admin, `node/${plan.nodeName}`, '--for=condition=Ready');
  await becomesReady(admin, 'daemonset/coredns', '--for=jsonpath={.status.numberReady}=1');
}

async function importPodImages({ node, layout }: ClusterContext): Promise<void> {
  for (const { archive } of await podImages()) await importArchive(node, archive, layout.images);
}

async function becomesReady(admin: Cluster, object: string, condition: string): Promise<void> {
  const ready = async () => (await admin.tryKubectl(['wait', object, '-n', 'kube-system', condition, '--timeout=5s'])).code === 0;
  const problem = async () => {
    const { stdout } = await admin.tryKubectl(['describe', object, '-n', 'kube-system']);
    return `${object} is not ready after ${NODE_TIMEOUT_MS / 1000} s: look at the logs in ${admin.logs}; Kubernetes says\n${stdout}`;
  };
  await until(ready, NODE_TIMEOUT_MS, problem);
}

/** Progress, for whoever waits. */
function step(sentence: string): void {
  process.stderr.write(`${sentence} ...\n`);
}
