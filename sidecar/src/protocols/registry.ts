/** Which module speaks which protocol. A protocol's code is loaded when a declared target needs it. */
import type { Protocol } from '@cairn/crds';
import type { ProtocolModule } from './protocol.js';

const LOADERS: Record<Protocol, () => Promise<ProtocolModule>> = {
  http: async () => (await import('./http/module.js')).httpProtocol,
  postgres: async () => (await import('./postgres/module.js')).postgresProtocol,
  kubernetes: async () => (await import('./kubernetes/module.js')).kubernetesProtocol,
};

const loaded = new Map<Protocol, ProtocolModule>();

export async function loadProtocols(protocols: Iterable<Protocol>): Promise<void> {
  for (const protocol of protocols) if (!loaded.has(protocol)) loaded.set(protocol, await LOADERS[protocol]());
}

/** The module of a protocol that was loaded. */
export function protocolModule(protocol: Protocol): ProtocolModule {
  const module = loaded.get(protocol);
  if (!module) throw new Error(`protocol ${protocol} is not loaded`);
  return module;
}
