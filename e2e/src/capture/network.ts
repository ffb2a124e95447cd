/** A network namespace as a pod has one: a link to this machine, its own resolver configuration, and users without rights over it. */
import { execFile } from 'node:child_process';
import { randomBytes, randomInt } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createRequire } from 'node:module';

export const SIDECAR_UID = 64_001;
export const AGENT_UID = 64_002;
/** Nobody answers there: capture has to send the questions elsewhere. */
const NAMESERVER = '192.0.2.53';
const SYSTEM_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const CAPTURE_MAIN = fileURLToPath(new URL('capture/main.js', `file://${createRequire(import.meta.url).resolve('@cairn/sidecar')}`));

export interface Finished {
  code: number;
  output: string;
}

export interface Network {
  /** This machine's addresses, as the namespace sees them. */
  readonly host: string;
  readonly host6: string;
  /** The namespace's own address, as this machine sees it. */
  readonly pod: string;
  readonly env: { PATH: string };
  /** Command before a program of the sidecar's user inside. */
  readonly asSidecar: readonly string[];
  /** Runs a program as the agent's user; never rejects. */
  asAgent(...command: string[]): Promise<Finished>;
  /** The same as the sidecar's user, whom capture exempts. */
  asExempt(...command: string[]): Promise<Finished>;
  /** Programs the rules, as the init container does. */
  capture(env: Record<string, string>): Promise<void>;
  release(): Promise<void>;
  remove(): Promise<void>;
}

function run(command: string, args: readonly string[], env: Record<string, string> = {}): Promise<Finished> {
  return new Promise((resolve) => {
    execFile(command, args, { env: { PATH: SYSTEM_PATH, ...env }, encoding: 'utf8' }, (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code ?? 1) || 1 : 0, output: stdout + stderr });
    });
  });
}

async function must(command: string, ...args: string[]): Promise<void> {
  const { code, output } = await run(command, args);
  if (code !== 0) throw new Error(`${command} ${args.join(' ')}: ${output.trim()}`);
}

/** Files of this project may be closed to other users: reading them is a right that capture knows nothing of. */
function user(uid: number, ...capabilities: string[]): string[] {
  const set = ['-all', '+dac_override', ...capabilities].join(',');
  return [
    'setpriv',
    `--reuid=${uid}`,
    `--regid=${uid}`,
    '--clear-groups',
    `--inh-caps=${set}`,
    `--ambient-caps=${set}`,
    `--bounding-set=${set}`,
    '--',
  ];
}

async function link(name: string, port: string, third: string): Promise<void> {
  const inside = (...args: string[]): Promise<void> => must('ip', '-n', name, ...args);
  await must('ip', 'link', 'add', 'name', port, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name);
  await must('ip', 'address', 'add', `10.${third}.1/24`, 'dev', port);
  await must('ip', 'address', 'add', `fd00:ca12:${third.replace('.', ':')}::1/64`, 'dev', port, 'nodad');
  await must('ip', 'link', 'set', 'dev', port, 'up');
  // As kube-proxy sets it on a node for the sake of NodePorts: what comes for 127.0.0.0/8 is taken in.
  writeFileSync(`/proc/sys/net/ipv4/conf/${port}/route_localnet`, '1');
  await inside('link', 'set', 'dev', 'lo', 'up');
  await inside('address', 'add', `10.${third}.2/24`, 'dev', 'eth0');
  await inside('address', 'add', `fd00:ca12:${third.replace('.', ':')}::2/64`, 'dev', 'eth0', 'nodad');
  await inside('link', 'set', 'dev', 'eth0', 'up');
  await inside('route', 'add', 'default', 'via', `10.${third}.1`);
}

/** What `ip netns exec` puts over the machine's own files. */
function resolver(folder: string): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'resolv.conf'), `nameserver ${NAMESERVER}\noptions timeout:2 attempts:2\n`);
  writeFileSync(join(folder, 'nsswitch.conf'), 'hosts: files dns\n');
}

/** Needs root on Linux with ip, nft and setpriv. Rejects with the system's own words. */
export async function createNetwork(): Promise<Network> {
  const id = randomBytes(3).toString('hex');
  const [name, port] = [`cairn-test-${id}`, `cairnt${id}`];
  const third = `${randomInt(128, 255)}.${randomInt(1, 255)}`;
  const files = join('/etc/netns', name);
  const exec = ['netns', 'exec', name];
  const remove = async (): Promise<void> => {
    await run('ip', ['link', 'delete', 'dev', port]);
    await run('ip', ['netns', 'delete', name]);
    rmSync(files, { recursive: true, force: true });
  };
  try {
    resolver(files);
    await must('ip', 'netns', 'add', name);
    await link(name, port, third);
  } catch (error) {
    await remove();
    throw error;
  }
  return {
    host: `10.${third}.1`,
    pod: `10.${third}.2`,
    host6: `fd00:ca12:${third.replace('.', ':')}::1`,
    env: { PATH: SYSTEM_PATH },
    asSidecar: ['ip', ...exec, ...user(SIDECAR_UID)],
    // An agent that may even write raw packets.
    asAgent: (...command) => run('ip', [...exec, ...user(AGENT_UID, '+net_raw'), ...command]),
    asExempt: (...command) => run('ip', [...exec, ...user(SIDECAR_UID), ...command]),
    async capture(env) {
      const { code, output } = await run('ip', [...exec, process.execPath, CAPTURE_MAIN], env);
      if (code !== 0 || output !== '') throw new Error(`the rules were not taken: ${output}`);
    },
    release: () => must('ip', ...exec, 'nft', 'delete', 'table', 'inet', 'cairn'),
    remove,
  };
}
