/** An image's files in a folder, and programs run in there as a container would run them, without a container runtime. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Image, Start } from './archive.js';
import { RUN_TIMEOUT_MS } from './limits.js';
import { step } from './step.js';

export interface Unpacked {
  /** Its configuration, as the archive says. */
  start: Start;
  /** Every path in it, from the root, links and folders too; or those that find(1) says the conditions hold of. */
  paths(conditions?: readonly string[]): Promise<string[]>;
  /** Runs a program as the image's user, without a network, with a root that nobody can write to. What it started ends with it. */
  run(argv: readonly string[], options?: RunOptions): Promise<{ code: number | null; output: string }>;
  remove(): Promise<void>;
}

export interface RunOptions {
  /** As root of the container, whatever the image says. */
  root?: boolean;
  env?: Readonly<Record<string, string>>;
  /** Folders that are empty and can be written to. */
  scratch?: readonly string[];
}

interface Manifest {
  Config: string;
  Layers: string[];
}

/** Unpacks an image into a temporary folder. As root owners are kept; as anybody else all belongs to the caller. */
export async function unpack({ archive }: Image): Promise<Unpacked> {
  const folder = await mkdtemp(join(tmpdir(), 'cairn-unpacked-'));
  const root = join(folder, 'root');
  await mkdir(root);
  await step('tar', ['-x', '-f', archive, '-C', folder]);
  const [manifest] = JSON.parse(await readFile(join(folder, 'manifest.json'), 'utf8')) as Manifest[];
  for (const layer of manifest!.Layers) await step('tar', ['-x', '-p', '-f', join(folder, layer), '-C', root]);
  const { config } = JSON.parse(await readFile(join(folder, manifest!.Config), 'utf8')) as { config: Start };
  return {
    start: config,
    paths: async (conditions = []) => {
      const printed = await step('find', ['.', '-mindepth', '1', ...conditions, '-printf', '%P\n'], root);
      return printed.split('\n').filter((path) => path !== '');
    },
    run: (argv, options = {}) => runIn(root, config, argv, options),
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

// Read-only but for what a runtime mounts: /proc, /dev and volumes.
const ENTER = `set -e
root=$1; user=$2; scratch=$3; shift 3
mount --bind "$root" "$root"; mount -t proc proc "$root/proc"; mount --rbind /dev "$root/dev"
ip link set lo up
for each in $scratch; do mount -t tmpfs -o mode=1777 tmpfs "$root$each"; done
mount -o remount,ro,bind "$root"
exec chroot --userspec="$user" "$root" "$@"`;

async function runIn(
  root: string,
  start: Start,
  argv: readonly string[],
  options: RunOptions,
): Promise<{ code: number | null; output: string }> {
  const user = options.root ? '0:0' : start.User;
  const namespaces = ['--mount', '--pid', '--fork', '--kill-child', '--net'];
  if (process.getuid?.() !== 0) namespaces.push('--map-auto', '--map-root-user');
  // chroot(1) knows no working directory.
  const program = ['/nodejs/bin/node', '-e', ENTER_FOLDER, start.WorkingDir, ...argv];
  const env = { ...Object.fromEntries(start.Env.map((each) => each.split(/=(.*)/s).slice(0, 2) as [string, string])), ...options.env };
  const child = spawn('unshare', [...namespaces, 'sh', '-c', ENTER, 'sh', root, user, (options.scratch ?? []).join(' '), ...program], {
    env: { ...env, PATH: `${env['PATH']}:/usr/sbin:/usr/bin:/sbin:/bin` },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: RUN_TIMEOUT_MS,
    killSignal: 'SIGKILL',
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, output };
}

const ENTER_FOLDER = `
const [folder, command, ...rest] = process.argv.slice(1);
const { status, error } = require('child_process').spawnSync(command, rest, { cwd: folder, stdio: 'inherit' });
if (error) { console.error(String(error)); process.exit(127); }
process.exit(status ?? 128);`;
