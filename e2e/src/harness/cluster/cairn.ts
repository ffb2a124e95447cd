/** Cairn in a cluster of the harness, installed as docs/install.md has it: the chart by Helm, with the images of this checkout. */
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { generateAuditorKey } from '@cairn/audit';
import { loadImages } from '../images/index.js';
import { CommandError, helmProgram, runCommand } from '../kubernetes/index.js';
import { lock } from '../lock.js';
import type { Cluster } from './index.js';
import { layoutOf } from './layout.js';
import { LOCK_TIMEOUT_S } from './limits.js';

export const CAIRN_NAMESPACE = 'cairn-system';

const CHART = fileURLToPath(new URL('../../../../charts/cairn', import.meta.url));
/** Two replicas on a busy machine, images loaded already. */
const READY_TIMEOUT = '4m';
const HELM_TIMEOUT_MS = 300_000;

export interface InstallOptions {
  /** `--set` of Helm; what is not set is the chart's default, also where an earlier installation had set it. */
  values?: readonly string[];
  /** `--set-string`: texts that look like numbers. */
  texts?: readonly string[];
}

export interface CairnInstallation {
  readonly namespace: string;
  /** File with the auditor's private key (JWK), to whose public half bodies are sealed. Made once a cluster. */
  readonly auditorKey: string;
  /** Runs Helm on the cluster; resolves to its stdout. */
  helm(args: readonly string[]): Promise<string>;
  /** `trust.json` of a ledger: issuer and keys of the token service that stream certificates are verified with. */
  trust(): Promise<string>;
}

/** Installs or upgrades it; resolves once every replica is ready. Again and again is as good as once, and one waits for another. */
export async function installCairn(cluster: Cluster, options: InstallOptions = {}): Promise<CairnInstallation> {
  await loadImages(cluster);
  const folder = layoutOf(cluster.name).installed;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  // Helm refuses a second upgrade at once.
  const release = await lock(join(folder, 'lock'), LOCK_TIMEOUT_S);
  try {
    return await upgrade(cluster, folder, options);
  } finally {
    release();
  }
}

async function upgrade(cluster: Cluster, folder: string, { values = [], texts = [] }: InstallOptions): Promise<CairnInstallation> {
  const auditorKey = join(folder, 'auditor.key');
  const publicKey = await ensureAuditorKey(auditorKey, join(folder, 'auditor.jwk'));
  const helm = (args: readonly string[]): Promise<string> => runHelm(cluster, args);
  const release = ['upgrade', '--install', 'cairn', CHART, '--namespace', CAIRN_NAMESPACE, '--create-namespace', '--reset-values'];
  const set = [...values.flatMap((value) => ['--set', value]), ...texts.flatMap((text) => ['--set-string', text])];
  const settings = ['--set-file', `auditorKey=${publicKey}`, ...set];
  await helm([...release, ...settings, '--wait', '--timeout', READY_TIMEOUT]);
  await cluster.kubectl(['label', 'namespace', CAIRN_NAMESPACE, 'pod-security.kubernetes.io/enforce=restricted', '--overwrite']);
  return { namespace: CAIRN_NAMESPACE, auditorKey, helm, trust: () => trustOf(cluster) };
}

/** Resolves to the file of the public half, which alone comes into the cluster. */
async function ensureAuditorKey(privateFile: string, publicFile: string): Promise<string> {
  if (existsSync(privateFile) && existsSync(publicFile)) return publicFile;
  const { privateJwk, publicJwk } = generateAuditorKey();
  await writeFile(privateFile, `${JSON.stringify(privateJwk)}\n`, { mode: 0o600 });
  await writeFile(publicFile, JSON.stringify(publicJwk));
  return publicFile;
}

async function runHelm(cluster: Cluster, args: readonly string[]): Promise<string> {
  const home = join(layoutOf(cluster.name).installed, 'helm');
  const env = { PATH: process.env['PATH'], HOME: home, KUBECACHEDIR: join(home, 'cache'), KUBECONFIG: cluster.kubeconfig };
  const result = await runCommand(await helmProgram(), args, { env, timeoutMs: HELM_TIMEOUT_MS });
  if (result.code !== 0) throw new CommandError(`helm ${args[0]}`, result);
  return result.stdout;
}

/** As docs/evidence.md has it. */
function trustOf(cluster: Cluster): Promise<string> {
  return cluster.kubectl(['get', 'configmap', 'cairn-trust', '-n', CAIRN_NAMESPACE, '-o', 'jsonpath={.data.trust\\.json}']);
}
