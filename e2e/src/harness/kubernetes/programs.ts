/** etcd, Kubernetes and Helm, built from Go modules into the cache. What is built is pinned by the go.mod and go.sum files in e2e/go. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, constants, readFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { cached } from '../cache.js';
import { findGo } from './go.js';
import { BUILD_TIMEOUT_MS } from './limits.js';

const MODULES = fileURLToPath(new URL('../../../go/', import.meta.url));

interface Source {
  /** Folder in e2e/go, and the name in the cache. */
  name: string;
  /** The module whose version is the programs' version. */
  module: string;
  packages: Readonly<Record<string, string>>;
  /** What the linker sets, given the version. */
  variables?(version: string): Record<string, string>;
}

const SOURCES = {
  etcd: { name: 'etcd', module: 'go.etcd.io/etcd/server/v3', packages: { etcd: 'go.etcd.io/etcd/server/v3' } },
  helm: { name: 'helm', module: 'helm.sh/helm/v4', packages: { helm: 'helm.sh/helm/v4/cmd/helm' } },
  kubernetes: {
    name: 'kubernetes',
    module: 'k8s.io/kubernetes',
    packages: {
      'kube-apiserver': 'k8s.io/kubernetes/cmd/kube-apiserver',
      'kube-controller-manager': 'k8s.io/kubernetes/cmd/kube-controller-manager',
    },
    variables: kubernetesVersion,
  },
  kubectl: {
    name: 'kubectl',
    module: 'k8s.io/kubernetes',
    packages: { kubectl: 'k8s.io/kubernetes/cmd/kubectl' },
    variables: kubernetesVersion,
  },
} satisfies Record<string, Source>;

/** kubectl refuses to compare itself with a server that has no version. */
function kubernetesVersion(version: string): Record<string, string> {
  const [, major = '', minor = ''] = /^v(\d+)\.(\d+)\./.exec(version) ?? [];
  const variables: Record<string, string> = {};
  for (const path of ['k8s.io/component-base/version', 'k8s.io/client-go/pkg/version']) {
    variables[`${path}.gitVersion`] = version;
    variables[`${path}.gitMajor`] = major;
    variables[`${path}.gitMinor`] = minor;
  }
  return variables;
}

/** Where the programs of a control plane are. Builds what is missing: minutes the first time. Rejects with a sentence when it can't. */
export async function controlPlanePrograms(): Promise<{ etcd: string; apiserver: string; controllerManager: string }> {
  const etcd = await programs(SOURCES.etcd);
  const kubernetes = await programs(SOURCES.kubernetes);
  return {
    etcd: join(etcd, 'etcd'),
    apiserver: join(kubernetes, 'kube-apiserver'),
    controllerManager: join(kubernetes, 'kube-controller-manager'),
  };
}

/** The machine's kubectl, else one of the server's version. */
export async function kubectlProgram(): Promise<string> {
  return (await onPath('kubectl')) ?? join(await programs(SOURCES.kubectl), 'kubectl');
}

export async function helmProgram(): Promise<string> {
  return join(await programs(SOURCES.helm), 'helm');
}

async function programs(source: Source): Promise<string> {
  const folder = source.name === 'kubectl' ? 'kubernetes' : source.name;
  const version = await versionIn(join(MODULES, folder, 'go.mod'), source.module);
  return cached(source.name, version.slice(1), (draft) => build(source, version, join(MODULES, folder), draft));
}

async function versionIn(file: string, module: string): Promise<string> {
  const line = (await readFile(file, 'utf8')).split('\n').find((each) => each.replace('require', '').trim().startsWith(`${module} v`));
  if (!line) throw new Error(`${file} requires no version of ${module}`);
  return line.replace('require', '').trim().split(' ')[1]!;
}

async function build(source: Source, version: string, cwd: string, folder: string): Promise<void> {
  const go = await findGo();
  const variables = Object.entries(source.variables?.(version) ?? {}).map(([name, value]) => `-X ${name}=${value}`);
  for (const [program, path] of Object.entries(source.packages)) {
    process.stderr.write(`building ${program} ${version} from its Go module, once; this takes minutes ...\n`);
    const started = Date.now();
    const flags = ['-buildvcs=false', '-trimpath', '-ldflags', ['-s', '-w', ...variables].join(' ')];
    await compile(go.command, ['build', ...flags, '-o', join(folder, program), path], cwd, go.env, program);
    process.stderr.write(`built ${program} in ${Math.round((Date.now() - started) / 1000)} s\n`);
  }
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

async function onPath(name: string): Promise<string | undefined> {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    const file = join(folder, name);
    const found = await access(file, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (found && (await works(file))) return file;
  }
  return undefined;
}

async function works(kubectl: string): Promise<boolean> {
  return promisify(execFile)(kubectl, ['version', '--client']).then(
    () => true,
    () => false,
  );
}
