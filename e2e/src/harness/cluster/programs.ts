/** Everything that a cluster runs: from the distribution's packages, or built once into the cache where no package has it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { controlPlanePrograms, kubectlProgram, nodePrograms } from '../kubernetes/index.js';
import { ciliumPrograms } from './cilium/index.js';
import { podPrograms } from './pods/index.js';

const NEED = fileURLToPath(new URL('../../../../tools/need.sh', import.meta.url));
/** Commands besides what is built; installed where they are missing and that can be done. */
const NEEDED = [
  'go',
  'setpriv',
  'flock',
  'unshare',
  'nsenter',
  'ps',
  'sysctl',
  'ip',
  'nft',
  'iptables',
  'containerd',
  'runc',
  '/usr/lib/cni/loopback',
  'clang-16',
  'bpftool',
];

/** Quick where everything is there. Rejects with a sentence where something can't be had. */
export async function providePrograms(): Promise<void> {
  await installPackages();
  // One build after the other: each uses every core, and gigabytes to link.
  await controlPlanePrograms();
  await nodePrograms();
  await kubectlProgram();
  await podPrograms();
  await ciliumPrograms();
}

async function installPackages(): Promise<void> {
  const installer = spawn(NEED, NEEDED, { stdio: ['ignore', 2, 2] });
  const [code] = (await once(installer, 'exit')) as [number | null];
  if (code !== 0) throw new Error('what a cluster needs of the distribution is not there; the lines above say what to install');
}
