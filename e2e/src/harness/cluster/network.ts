/** The machine's link to a node: a veth pair, and routes by which the machine reaches pods and Services. */
import { readdir, readFile } from 'node:fs/promises';
import { CLUSTERS, GONE_TIMEOUT_MS } from './limits.js';
import type { NodeNamespaces } from './node-namespaces.js';
import { planCluster, type ClusterPlan } from './plan.js';
import { run, until } from './run.js';

/** Takes a free index by making the machine's interface of it, which only one can. The pair goes when the node does. */
export async function claimIndex(name: string, folder: string): Promise<ClusterPlan> {
  await releaseClaims(planCluster(name, folder, 1));
  for (let index = 1; index <= CLUSTERS; index++) {
    const plan = planCluster(name, folder, index);
    if (await claim(plan)) return plan;
  }
  throw new Error(`${CLUSTERS} clusters are up on this machine; take one down: make cluster-down CLUSTER=...`);
}

async function claim(plan: ClusterPlan): Promise<boolean> {
  try {
    await run('ip', ['link', 'add', plan.interface, 'type', 'veth', 'peer', 'name', plan.peer]);
  } catch (error) {
    if (/File exists/.test((error as Error).message)) return false;
    throw error;
  }
  await run('ip', ['link', 'set', 'dev', plan.interface, 'alias', plan.peer]);
  return true;
}

/** Removes a pair that never came into a node. */
async function releaseClaims({ peer }: ClusterPlan): Promise<void> {
  if (await isInterface(peer)) await run('ip', ['link', 'delete', peer]);
}

async function isInterface(name: string): Promise<boolean> {
  return (await readdir('/sys/class/net')).includes(name);
}

/** Moves the node's end into the node and gives both ends their addresses. */
export async function connectNode(plan: ClusterPlan, node: NodeNamespaces): Promise<void> {
  await run('ip', ['link', 'set', plan.peer, 'netns', String(node.pid), 'name', plan.uplink]);
  await node.exec(['ip', '-batch', '-'], lines(nodeSide(plan)));
  await node.exec(['sysctl', '-q', '-w', ...NODE_SYSCTLS]);
  await run('ip', ['-batch', '-'], lines(machineSide(plan)));
}

const NODE_SYSCTLS = [
  'net.ipv4.ip_forward=1',
  'net.ipv6.conf.all.forwarding=1',
  // Duplicate address detection delays a pod's IPv6 address by a second.
  'net.ipv6.conf.default.accept_dad=0',
  'net.ipv6.conf.all.accept_dad=0',
];

/**
 * No default route: a node of the harness reaches its machine and nothing beyond. Services have a route, or the node's own programs,
 * the API server with its webhooks among them, would be told that none leads there before kube-proxy has a look.
 */
function nodeSide(plan: ClusterPlan): string[] {
  return [
    'link set lo up',
    `address add ${plan.nodeAddress}/30 dev ${plan.uplink}`,
    `address add ${plan.nodeAddress6}/126 dev ${plan.uplink} nodad`,
    `link set ${plan.uplink} up`,
    ...[plan.services.v4, plan.services.v6].map((range) => `route replace ${range} dev ${plan.uplink}`),
  ];
}

function machineSide(plan: ClusterPlan): string[] {
  const v4 = [plan.pods.v4, plan.services.v4].map((range) => `route replace ${range} via ${plan.nodeAddress} dev ${plan.interface}`);
  const v6 = [plan.pods.v6, plan.services.v6].map((range) => `route replace ${range} via ${plan.nodeAddress6} dev ${plan.interface}`);
  return [
    `address add ${plan.hostAddress}/30 dev ${plan.interface}`,
    `address add ${plan.hostAddress6}/126 dev ${plan.interface} nodad`,
    `link set ${plan.interface} up`,
    ...v4,
    ...v6,
  ];
}

/** Removes the machine's interface, and with it the routes. The index may be another cluster's by now: that one's stays. */
export async function disconnect(plan: ClusterPlan): Promise<void> {
  await releaseClaims(plan);
  const there = async () => (await readFile(`/sys/class/net/${plan.interface}/ifalias`, 'utf8').catch(() => '')).trim() === plan.peer;
  // The kernel removes it as well, some time after the last process of the node.
  if (await there()) await run('ip', ['link', 'delete', plan.interface]).catch(() => undefined);
  const problem = async () => `the interface ${plan.interface} stays: ip link delete ${plan.interface}`;
  await until(async () => !(await there()), GONE_TIMEOUT_MS, problem);
}

function lines(each: readonly string[]): string {
  return `${each.join('\n')}\n`;
}
