/** Go, as new as the modules ask for: the machine's own, or the toolchain that the Go project publishes as a module. */
import { execFile } from 'node:child_process';
import { chmod, copyFile, cp, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cached } from '../cache.js';

const run = promisify(execFile);
/** At least what the modules below e2e/go name in their `go` lines. */
const GO_VERSION = '1.26.8';
/** Since Go 1.21 the command fetches the toolchain that a module names by itself (https://go.dev/doc/toolchain). */
const FIRST_WITH_TOOLCHAINS = 21;
/** Where the installer from go.dev puts it, often not on PATH. */
const CANDIDATES = ['go', '/usr/local/go/bin/go'];

export interface Go {
  command: string;
  env: NodeJS.ProcessEnv;
}

/** Rejects with a sentence where there is no Go at all. */
export async function findGo(): Promise<Go> {
  // -mod=readonly: what is built is what go.sum names. The rest of GOFLAGS is the machine's own business.
  const env = { ...process.env, CGO_ENABLED: '0', GOTOOLCHAIN: 'auto', GOFLAGS: '-mod=readonly', GOWORK: 'off' };
  for (const command of CANDIDATES) {
    const minor = await minorOf(command, env);
    if (minor === undefined) continue;
    if (minor >= FIRST_WITH_TOOLCHAINS) return { command, env };
    const root = await cached('go', GO_VERSION, (folder) => fetchToolchain(command, env, folder));
    return { command: join(root, 'bin', 'go'), env: { ...env, GOROOT: root } };
  }
  throw new Error(
    'Kubernetes, etcd and Helm are built from Go modules and there is no go: install golang-go (Debian) or Go 1.21 or newer from https://go.dev/dl',
  );
}

async function minorOf(command: string, env: NodeJS.ProcessEnv): Promise<number | undefined> {
  try {
    const { stdout } = await run(command, ['env', 'GOVERSION'], { env: { ...env, GOTOOLCHAIN: 'local' }, cwd: tmpdir() });
    return Number(/^go1\.(\d+)/.exec(stdout)?.[1] ?? 0);
  } catch {
    return undefined;
  }
}

/** What newer Go does by itself with golang.org/toolchain: modules carry neither executable bits nor nested go.mod files. */
async function fetchToolchain(go: string, env: NodeJS.ProcessEnv, folder: string): Promise<void> {
  const architecture = { x64: 'amd64', arm64: 'arm64' }[process.arch as string] ?? process.arch;
  const module = `golang.org/toolchain@v0.0.1-go${GO_VERSION}.${process.platform}-${architecture}`;
  process.stderr.write(`fetching Go ${GO_VERSION}, the one here is too old ...\n`);
  const draft = await mkdtemp(join(tmpdir(), 'cairn-go-'));
  try {
    await writeFile(join(draft, 'go.mod'), 'module toolchain\n');
    const { stdout } = await run(go, ['mod', 'download', '-json', module], { cwd: draft, env });
    await cp((JSON.parse(stdout) as { Dir: string }).Dir, folder, { recursive: true });
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
  const writable = (path: string) => chmod(path, 0o755);
  for (const source of ['src', 'src/cmd']) {
    await writable(join(folder, source));
    await copyFile(join(folder, source, '_go.mod'), join(folder, source, 'go.mod'));
  }
  const tools = join('pkg', 'tool', `${process.platform}_${architecture}`);
  for (const programs of ['bin', tools]) {
    for (const name of await readdir(join(folder, programs))) await writable(join(folder, programs, name));
  }
}
