/** An image's files in a folder, and programs run in there as a container would run them, without a container runtime. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Image, Start } from './archive.js';
import { step } from './step.js';

export interface Unpacked {
  /** Its configuration, as the archive says. */
  start: Start;
  /** Every path in it, from the root, links and folders too; or those that find(1) says the conditions hold of. */
  paths(conditions?: readonly string[]): Promise<string[]>;
  /** Runs a program as the image's user (or as root, without its capabilities being any use to a real one) with a root that nobody can write to. */
  run(argv: readonly string[], options?: { root?: boolean }): Promise<{ code: number | null; output: string }>;
  remove(): Promise<void>;
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

// Read-only but for what a runtime mounts: /proc and /dev.
const ENTER = `set -e
root=$1; user=$2; folder=$3; shift 3
mount --bind "$root" "$root"; mount -t proc proc "$root/proc"; mount --rbind /dev "$root/dev"; mount -o remount,ro,bind "$root"
exec chroot --userspec="$user" "$root" "$@"`;

async function runIn(
  root: string,
  { User, Env, WorkingDir }: Start,
  argv: readonly string[],
  options: { root?: boolean },
): Promise<{ code: number | null; output: string }> {
  const user = options.root ? '0:0' : User;
  const namespaces = ['--mount', '--pid', '--fork', '--net', ...(process.getuid?.() === 0 ? [] : ['--map-auto', '--map-root-user'])];
  // chroot(1) knows no working directory.
  const program = ['/nodejs/bin/node', '-e', ENTER_FOLDER, WorkingDir, ...argv];
  const environment = Object.fromEntries(Env.map((each) => [each.slice(0, each.indexOf('=')), each.slice(each.indexOf('=') + 1)]));
  const child = spawn('unshare', [...namespaces, 'sh', '-c', ENTER, 'sh', root, user, WorkingDir, ...program], {
    env: { ...environment, PATH: `${environment['PATH']}:/usr/sbin:/usr/bin:/sbin:/bin` },
    stdio: ['ignore', 'pipe', 'pipe'],
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
