/** Everything that a cluster runs and that no package of a distribution has: built once into the cache. */
import { controlPlanePrograms, kubectlProgram, nodePrograms } from '../kubernetes/index.js';
import { ciliumPrograms } from './cilium/index.js';
import { podPrograms } from './pods/index.js';

/** One build after the other: each uses every core, and gigabytes to link. */
export async function buildPrograms(): Promise<void> {
  await controlPlanePrograms();
  await nodePrograms();
  await kubectlProgram();
  await podPrograms();
  await ciliumPrograms();
}
