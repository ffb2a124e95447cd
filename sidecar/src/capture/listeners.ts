/** The outbound listeners: transparent (redirected by nftables), one per explicit target, and the explicit HTTP proxy. */
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import type { ListenAddress } from '../config/env.js';
import { originalDestination } from './original-destination.js';
import type { Departure } from './outbound.js';
import { startProxyConnection } from './proxy.js';

export async function listen(address: ListenAddress, connection: (socket: Socket) => void): Promise<Server> {
  const server = createServer({ allowHalfOpen: true, noDelay: true }, connection);
  server.listen(address.port, address.host);
  await once(server, 'listening');
  return server;
}

/** Connections that the kernel redirected; what was not redirected (a connection to the listener itself) is closed. */
export function listenTransparent(address: ListenAddress, outbound: Departure): Promise<Server> {
  return listen(address, (socket) => {
    const destination = originalDestination(socket);
    if (!destination || destination.port === address.port) socket.destroy();
    else outbound.open({ socket, host: destination.address, port: destination.port });
  });
}

/** Connections that the agent was pointed here with, for one target. */
export function listenForTarget(
  address: ListenAddress,
  route: () => { host: string; port: number } | undefined,
  outbound: Departure,
): Promise<Server> {
  return listen(address, (socket) => {
    const destination = route();
    if (destination) outbound.open({ socket, ...destination });
    else socket.destroy();
  });
}

export function listenProxy(address: ListenAddress, outbound: Departure): Promise<Server> {
  return listen(address, (socket) => startProxyConnection(socket, outbound));
}
