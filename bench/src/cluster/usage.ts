/** What the processes of pods take, read from the node's /proc. */
import type { Cluster } from '@cairn/e2e';
import { namespaceOf, type Variant } from './pods.js';

export interface Usage {
  /** The pod's UID. */
  pod: string;
  role: 'agent' | 'sidecar';
  rssMegabytes: number;
  /** User and system, since the process began. */
  cpuMicroseconds: number;
}

const READ = `
const fs = require('fs');
const uids = process.argv.slice(1);
const rows = [];
for (const pid of fs.readdirSync('/proc').filter((each) => /^[0-9]+$/.test(each))) {
  try {
    const cgroup = fs.readFileSync('/proc/' + pid + '/cgroup', 'utf8').replaceAll('_', '-');
    const pod = uids.find((uid) => cgroup.includes('pod' + uid));
    if (!pod) continue;
    const [, ...command] = fs.readFileSync('/proc/' + pid + '/cmdline', 'utf8').split('\\0');
    const role = command[0] === 'sidecar/dist/main.js' ? 'sidecar' : command[0] === '-e' ? 'agent' : undefined;
    if (!role) continue;
    const kilobytes = Number(/VmRSS:\\s+(\\d+)/.exec(fs.readFileSync('/proc/' + pid + '/status', 'utf8'))[1]);
    const fields = fs.readFileSync('/proc/' + pid + '/stat', 'utf8').split(') ')[1].split(' ');
    rows.push({ pod, role, rssMegabytes: kilobytes / 1024, cpuMicroseconds: (Number(fields[11]) + Number(fields[12])) * 10000 });
  } catch {}
}
console.log(JSON.stringify(rows));`;

/** The agents' and sidecars' processes of these pods. A process that ends meanwhile is left out. */
export async function usageOf(cluster: Cluster, pods: readonly string[]): Promise<Usage[]> {
  return JSON.parse(await cluster.nodeExec([process.execPath, '-e', READ, ...pods])) as Usage[];
}

/** Microseconds of all of these together. */
export const cpuOf = (usage: readonly Usage[]): number => usage.reduce((sum, each) => sum + each.cpuMicroseconds, 0);

/** UIDs of the pods of a kind whose names begin so. */
export async function uidsOf(cluster: Cluster, variant: Variant, prefix: string): Promise<string[]> {
  const { items } = await cluster.get<{ items: { metadata: { name: string; uid: string } }[] }>('pods', '-n', namespaceOf(variant));
  return items.flatMap(({ metadata }) => (metadata.name.startsWith(prefix) ? [metadata.uid] : []));
}
