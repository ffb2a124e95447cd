/** What the cluster's own pods run, and where Cilium is: built once from Go modules. */
import { join } from 'node:path';
import { goPrograms, type Source } from '../../kubernetes/index.js';

const PODS: Source = {
  name: 'coredns',
  module: 'github.com/coredns/coredns',
  packages: { coredns: '.', pause: './pause' },
};

export async function podPrograms(): Promise<{ coredns: string; pause: string }> {
  const folder = await goPrograms(PODS);
  return { coredns: join(folder, 'coredns'), pause: join(folder, 'pause') };
}
