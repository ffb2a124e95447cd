/**
 * Transparent capture: one network and mount namespace per pod, joined by a switch that has a namespace of its own, so that
 * this machine sees nothing but one virtual link. Names resolve by the sidecar's DNS, as in a cluster.
 */
import { randomBytes, randomInt } from 'node:crypto';
import { dirname, join, relative, sep } from 'node:path';
import { DEFAULT_PORTS } from '@cairn/operator';
import { FREE_ATTEMPTS } from '../limits.js';
import { CONTAINER_PATH, type Sandbox, type SandboxUser } from '../kubelet/sandbox.js';
import type { Capture, PodPlace } from './capture.js';
import { mustRun } from './command.js';
import { holdNamespace, type Namespace } from './namespace.js';

const FIRST_POD = 10;
const HOST = 1;
/** Where pods would ask for names; the capture rules send every question to the sidecar instead. */
const NAMESERVER = '192.0.2.53';

export interface TransparentNetwork extends Capture {
  /** The switch's namespace, for trying things out before any pod runs. */
  readonly pid: number;
  /** First three octets of the subnet. */
  readonly prefix: string;
}

/** A private /24 that no route of this machine overlaps with, by its first three octets. */
export async function freeSubnet(): Promise<string> {
  const routes = await mustRun('ip', ['-4', 'route', 'show', 'table', 'all']);
  for (let attempt = 0; attempt < FREE_ATTEMPTS; attempt++) {
    const [a, b] = [randomInt(128, 255), randomInt(1, 255)];
    if (!new RegExp(`\\b10\\.${a}\\.`).test(routes)) return `10.${a}.${b}`;
  }
  throw new Error('every private subnet is in use');
}

async function createSwitch(prefix: string): Promise<Namespace> {
  const made = await holdNamespace(['net'], 'ip link set dev lo up\nip link add name bridge type bridge\nip link set dev bridge up');
  try {
    const link = `cairn${randomBytes(3).toString('hex')}`;
    await mustRun('ip', ['link', 'add', 'name', link, 'type', 'veth', 'peer', 'name', 'uplink', 'netns', String(made.pid)]);
    await mustRun('ip', ['address', 'add', `${prefix}.${HOST}/24`, 'dev', link]);
    await mustRun('ip', ['link', 'set', 'dev', link, 'up']);
    await mustRun('nsenter', ['-t', String(made.pid), '-n', 'ip', 'link', 'set', 'dev', 'uplink', 'master', 'bridge', 'up']);
    return made;
  } catch (error) {
    await made.close();
    throw error;
  }
}

/** A folder of every Linux that hides nothing which the pod needs: a memory file system goes over it, in the pod alone. */
function mountPoint(paths: readonly string[]): string {
  const hides = (folder: string): boolean => paths.some((path) => path === folder || path.startsWith(folder + sep));
  const found = ['/mnt', '/media', '/srv', '/opt'].find((folder) => !hides(folder));
  if (found === undefined) throw new Error('the project lies where pods mount their files');
  return found;
}

/** $1 mount point, $2 project, $3 pod's folder, $4 node. The project may lie where the pod's users may not walk: bind mounts bring it in. */
const ROOT_FILES = `
mount --make-rprivate /
mount -t tmpfs -o mode=755,size=1m tmpfs "$1"
mkdir "$1/image" "$1/pod" "$1/bin"
mount --bind "$2" "$1/image"
mount -o remount,bind,ro "$1/image"
mount --bind "$3" "$1/pod"
: > "$1/bin/node"
mount --bind "$4" "$1/bin/node"
printf 'nameserver ${NAMESERVER}\\n' > "$1/resolv.conf"
printf '127.0.0.1 localhost\\n::1 localhost\\n' > "$1/hosts"
printf 'hosts: files dns\\n' > "$1/nsswitch.conf"
for file in resolv.conf hosts nsswitch.conf; do if [ -e "/etc/$file" ]; then mount --bind "$1/$file" "/etc/$file"; fi; done
ip link set dev lo up
`;

async function createPod(network: { pid: number; prefix: string }, number: number, args: readonly string[]): Promise<Namespace> {
  const made = await holdNamespace(['net', 'mount'], ROOT_FILES, args);
  const [pod, hub] = [String(made.pid), String(network.pid)];
  const port = `pod${number}`;
  const inside = (target: string, ...command: string[]): Promise<string> => mustRun('nsenter', ['-t', target, '-n', 'ip', ...command]);
  try {
    await inside(hub, 'link', 'add', 'name', port, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', pod);
    await inside(hub, 'link', 'set', 'dev', port, 'master', 'bridge', 'up');
    await inside(pod, 'address', 'add', `${network.prefix}.${number}/24`, 'dev', 'eth0');
    await inside(pod, 'link', 'set', 'dev', 'eth0', 'up');
    await inside(pod, 'route', 'add', 'default', 'via', `${network.prefix}.${HOST}`);
    return made;
  } catch (error) {
    await made.close();
    throw error;
  }
}

/** setpriv's words for a container's user: no capability but those named, none to be had. */
function confined({ uid, gid, capabilities }: SandboxUser): string[] {
  const set = ['-all', ...capabilities.map((name) => `+${name.toLowerCase()}`)].join(',');
  const ids = [`--reuid=${uid}`, `--regid=${gid}`, '--clear-groups'];
  return ['setpriv', ...ids, '--no-new-privs', `--inh-caps=${set}`, `--bounding-set=${set}`, '--pdeathsig=KILL', '--'];
}

function sandbox(made: Namespace, mount: string, project: string): Sandbox {
  return {
    folder: join(mount, 'pod'),
    enter(command, env, image, user) {
      const within = join(mount, 'image', relative(project, image));
      const enter = ['nsenter', '-t', String(made.pid), '-n', '-m'];
      const path = `${join(mount, 'bin')}:${CONTAINER_PATH}`;
      return {
        argv: [...enter, ...confined(user), 'env', `--chdir=${within}`, ...command],
        env: { ...env, PATH: path },
        cwd: dirname(project),
      };
    },
    close: () => made.close(),
  };
}

/** `project`: the folder that images are found in. Rejects where the machine does not allow it. */
export async function transparentNetwork(project: string, reason: string): Promise<TransparentNetwork> {
  const prefix = await freeSubnet();
  const hub = await createSwitch(prefix);
  const network = { pid: hub.pid, prefix };
  let next = FIRST_POD;
  const place = async (appPort: number): Promise<PodPlace> => {
    const number = next++;
    const open = async (folder: string): Promise<Sandbox> => {
      const mount = mountPoint([project, folder, process.execPath]);
      return sandbox(await createPod(network, number, [mount, project, folder, process.execPath]), mount, project);
    };
    return { service: { address: `${prefix}.${number}`, port: appPort }, appPort, ports: DEFAULT_PORTS, agentEnv: {}, open };
  };
  return { ...network, kind: 'transparent', reason, host: `${prefix}.${HOST}`, users: true, place, close: () => hub.close() };
}
