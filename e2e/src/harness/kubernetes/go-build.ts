/** Programs built from Go modules into the cache, once. What is built is pinned by the go.mod and go.sum files in e2e/go. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { cached } from '../cache.js';
import { findGo, type Go } from './go.js';
import { BUILD_TIMEOUT_MS } from './limits.js';

const run = promisify(execFile);
const MODULES = fileURLToPath(new URL('../../../go/', import.meta.url));

export interface Source {
  /** The name in the cache. */
  name: string;
  /** Folder in e2e/go; default the name. */
  folder?: string;
  /** The module whose version is the programs' version. */
  module: string;
  packages: Readonly<Record<string, string>>;
  /** What the linker sets, given the version. */
  variables?(version: string): Record<string, string>;
  /** Build tags (go help buildconstraint). */
  tags?: string;
  /** A folder of the module that the programs read when they run, kept beside them under its own name. */
  data?: string;
}

/** The folder with a source's programs. Builds what is missing: minutes the first time. Rejects with a sentence when it can't. */
export async function goPrograms(source: Source): Promise<string> {
  const module = join(MODULES, source.folder ?? source.name);
  const version = await versionIn(join(module, 'go.mod'), source.module);
  return cached(source.name, version.slice(1), (draft) => build(source, version, module, draft));
}

async function versionIn(file: string, module: string): Promise<string> {
  const line = (await readFile(file, 'utf8')).split('\n').find((each) => each.replace('require', '').trim().startsWith(`${module} v`));
  if (!line) throw new Error(`${file} requires no version of ${module}`);
  return line.replace('require', '').trim().split(' ')[1]!;
}

async function build(source: Source, version: string, cwd: string, folder: string): Promise<void> {
  const go = await findGo();
  const variables = Object.entries(source.variables?.(version) ?? {}).map(([name, value]) => `-X "${name}=${value}"`);
  const tags = source.tags ? ['-tags', source.tags] : [];
  for (const [program, path] of Object.entries(source.packages)) {
    process.stderr.write(`building ${program} ${version} from its Go module, once; this takes minutes ...\n`);
    const started = Date.now();
    const flags = ['-buildvcs=false', '-trimpath', ...tags, '-ldflags', ['-s', '-w', ...variables].join(' ')];
    await compile(go.command, ['build', ...flags, '-o', join(folder, program), path], cwd, go.env, program);
    process.stderr.write(`built ${program} in ${Math.round((Date.now() - started) / 1000)} s\n`);
  }
  if (source.data) await copyData(go, cwd, source.module, source.data, folder);
}

/** What the module cache holds is read-only; the copy is as well. */
async function copyData(go: Go, cwd: string, module: string, data: string, folder: string): Promise<void> {
  const { stdout } = await run(go.command, ['list', '-m', '-f', '{{.Dir}}', module], { cwd, env: go.env });
  await cp(join(stdout.trim(), data), join(folder, data), { recursive: true });
}

async function compile(command: string, args: string[], cwd: string, env: NodeJS.ProcessEnv, program: string): Promise<void> {
  const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'ignore', 'pipe'], timeout: BUILD_TIMEOUT_MS });
  const said: string[] = [];
  child.stderr.setEncoding('utf8').on('data', (text: string) => said.push(text));
  const [code] = (await once(child, 'close')) as [number | null];
  if (code === 0) return;
  throw new Error(buildProblem(program, said.join('')));
}

/** Why a build failed, as a sentence that says how to mend it. `said` is what the go command wrote on stderr. */
export function buildProblem(program: string, said: string): string {
  const end = said.trim().split('\n').slice(-15).join('\n');
  const because = (sentence: string) => `${program} could not be built: ${sentence}\n${end}`;
  if (/no space left on device|disk quota exceeded/.test(said)) {
    return because('the disk is full; a build wants 6 GB in the Go caches (go env GOCACHE GOMODCACHE) and 0.5 GB in the cache of Cairn');
  }
  if (/dial tcp|proxyconnect|i\/o timeout|no such host|TLS handshake|lookup .* on /.test(said)) {
    return because('the Go module proxy is not reachable; set GOPROXY to one that is (go env GOPROXY shows what is asked now)');
  }
  if (/checksum mismatch|SECURITY ERROR/.test(said))
    return because('a module is not the one that go.sum names; the proxy served something else');
  if (/requires go >= /.test(said)) return because('this Go is too old and could not fetch a newer one');
  return because('go build said');
}
