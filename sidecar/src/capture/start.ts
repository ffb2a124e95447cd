/** Opens the listeners that this pod's way of capture needs. */
import type { Server } from 'node:net';
import type { SidecarContext } from '../config/context.js';
import { listenForTarget, listenProxy, listenTransparent } from './listeners.js';
import type { PodSocket } from './sockets.js';
import { watchCapture } from './watch.js';

export interface Listeners {
  /** Takes no new connections; those that are open go on. */
  close(): void;
}

/** Without its rules a pod's connections are not refused, they are not seen: the sockets themselves tell. */
export function startWatch({ config, outbound, operator, metrics, log }: SidecarContext, signal: AbortSignal): void {
  // Elsewhere than in a pod of its own there are sockets of others.
  if (config.capture !== 'transparent') return;
  const told = ({ remote: { host, port }, uid }: PodSocket): void => {
    metrics.uncaptured.inc();
    log.error('a connection went past the sidecar', { host, port, uid, event: outbound.bypassed({ host, port }) });
    operator.uncaptured(host, port).catch((error: Error) => log.warn('the operator was not told', { reason: error.message }));
  };
  watchCapture(process.getuid!(), told, signal);
}

export async function startListeners(context: SidecarContext): Promise<Listeners> {
  const { config, departure, inForce, metrics, log } = context;
  const servers: { close(): unknown }[] = [];
  if (config.capture === 'transparent') {
    servers.push(await listenTransparent(config.outbound, departure));
    const refused = (name: string): void => {
      metrics.refusedNames.inc();
      log.info('name refused', { name });
    };
    const { serveDns } = await import('./dns.js');
    servers.push(await serveDns(config.dns, () => inForce().addresses, refused));
  } else {
    servers.push(await listenProxy(config.proxy, departure));
    for (const [name, address] of config.targets) servers.push(await listenForTarget(address, destinationOf(context, name), departure));
  }
  if (config.inboundPorts.length > 0) servers.push(await startInbound(context));
  return {
    close: () => {
      for (const server of servers) server.close();
    },
  };
}

function destinationOf({ inForce }: SidecarContext, name: string): () => { host: string; port: number } | undefined {
  return () => {
    const target = inForce().policy.spec.targets.find((each) => each.name === name);
    const host = target?.hosts[0];
    return target && host !== undefined ? { host, port: target.port } : undefined;
  };
}

/** What a pod does not need is not loaded: this one serves requests. */
async function startInbound({ config, contexts, launches, recorder, ring, inForce, log }: SidecarContext): Promise<Server> {
  const { listenInbound } = await import('./inbound.js');
  return listenInbound({ contexts, launches, recorder, ring, inForce, ports: config.inboundPorts, address: config.inbound, log });
}
