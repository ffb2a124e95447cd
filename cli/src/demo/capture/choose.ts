/** Chooses the capture: transparent wherever this machine allows it, else explicit, and says why. */
import { statSync } from 'node:fs';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import type { AddressInfo } from 'node:net';
import type { Capture } from './capture.js';
import { mustRun, run } from './command.js';
import { explicitCapture } from './explicit.js';
import { transparentNetwork, type TransparentNetwork } from './transparent.js';

const NEEDED = ['nft', 'ip'];

/** Why this machine or user can't, before anything is tried. */
async function obstacle(project: string): Promise<string | undefined> {
  if (process.platform !== 'linux') return `network namespaces are a thing of Linux, and this is ${process.platform}`;
  if (process.getuid?.() !== 0) return 'transparent capture needs root, and this is an ordinary user';
  const installed = await run(join(project, 'tools', 'need.sh'), NEEDED);
  if (installed.code !== 0) return `${NEEDED.join(' or ')} is missing and could not be installed`;
  const closed = ['.', 'sidecar/dist/main.js', 'examples/agents', 'node_modules'].find(
    (path) => (statSync(join(project, path)).mode & 0o004) === 0,
  );
  return closed === undefined ? undefined : `the agents run under a user of their own, who may not read ${closed} of this project`;
}

/** A connection from inside to this machine, and a rule set: what every pod will do. */
async function tryOut(network: TransparentNetwork): Promise<void> {
  const inside = (...command: string[]): Promise<string> => mustRun('nsenter', ['-t', String(network.pid), '-n', ...command]);
  await inside('ip', 'address', 'add', `${network.prefix}.2/24`, 'dev', 'bridge');
  await inside(
    'nft',
    'add table inet trial { chain out { type nat hook output priority -100; meta skuid 1 tcp dport 1 redirect to :1; }; }',
  );
  await inside('nft', 'delete table inet trial');
  const server = createServer((socket) => socket.end()).listen(0, network.host);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const connect = `require('net').connect(${port}, '${network.host}').setTimeout(2000, () => process.exit(1)).on('error', () => process.exit(1)).on('connect', () => process.exit(0))`;
  try {
    await inside(process.execPath, '-e', connect).catch(() => {
      throw new Error('a firewall of this machine keeps namespaces from reaching it');
    });
  } finally {
    server.close();
  }
}

/** `wanted`: what the user asked for, if anything. */
export async function chooseCapture(project: string, wanted: Capture['kind'] | undefined): Promise<Capture> {
  if (wanted === 'explicit') return explicitCapture('asked for');
  const reason = await obstacle(project);
  if (reason !== undefined) return explicitCapture(reason);
  let network: TransparentNetwork | undefined;
  try {
    network = await transparentNetwork(project, 'root on Linux with nftables');
    await tryOut(network);
    return network;
  } catch (error) {
    await network?.close();
    return explicitCapture(`this machine refuses network namespaces: ${(error as Error).message.split('\n')[0]}`);
  }
}
