/** Node as the images have it: the long-term release from the npm package of this platform, the same on every machine. */
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cached } from '../cache.js';
import { step } from './step.js';

/** The major version is that of the base in images/Dockerfile. */
export const NODE_VERSION = '24.21.0';

/** The path of the program on this machine. npm checks it against the digest that the registry names. */
export async function nodeProgram(): Promise<string> {
  return join(await cached('node', NODE_VERSION, fetchNode), 'node');
}

async function fetchNode(target: string): Promise<void> {
  process.stderr.write(`fetching Node ${NODE_VERSION} ...\n`);
  const project = await mkdtemp(join(tmpdir(), 'cairn-node-'));
  const name = `node-linux-${process.arch}`;
  try {
    await step('npm', ['install', '--prefix', project, '--ignore-scripts', '--no-audit', '--no-fund', `${name}@${NODE_VERSION}`], project);
    await cp(join(project, 'node_modules', name, 'bin', 'node'), join(target, 'node'));
  } finally {
    await rm(project, { recursive: true, force: true });
  }
}
