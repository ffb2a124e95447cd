/** Cilium, built once from its Go module: the last release whose dependencies a module proxy has. */
import { join } from 'node:path';
import { goPrograms, type Source } from '../../kubernetes/index.js';

const CILIUM: Source = {
  name: 'cilium',
  module: 'github.com/cilium/cilium',
  packages: {
    'cilium-agent': 'github.com/cilium/cilium/daemon',
    'cilium-dbg': 'github.com/cilium/cilium/cilium-dbg',
    'cilium-cni': 'github.com/cilium/cilium/plugins/cilium-cni',
    'cilium-operator': 'github.com/cilium/cilium/operator',
  },
  variables: (version) => ({ 'github.com/cilium/cilium/pkg/version.ciliumVersion': `${version.slice(1)} go-modules` }),
  tags: 'osusergo,ipam_provider_operator',
  // Its BPF programs are compiled when the agent starts.
  data: 'bpf',
};

export interface CiliumPrograms {
  /** Holds `bpf`. */
  folder: string;
  agent: string;
  dbg: string;
  cni: string;
  operator: string;
}

export async function ciliumPrograms(): Promise<CiliumPrograms> {
  const folder = await goPrograms(CILIUM);
  const program = (name: string) => join(folder, `cilium-${name}`);
  return { folder, agent: program('agent'), dbg: program('dbg'), cni: program('cni'), operator: program('operator') };
}
