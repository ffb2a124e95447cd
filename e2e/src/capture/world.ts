/** What lies outside of the pod: servers on this machine that remember who reached them, one of them where resolvers are (UDP port 53). */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { createServer, type AddressInfo, type Server } from 'node:net';
import type { Network } from './network.js';

export interface World {
  readonly http: number;
  readonly postgres: number;
  readonly udp: number;
  /** UDP on this machine's own loopback. */
  readonly loopback: number;
  /** `http /path`, `postgres`, `udp TEXT`, as they came. */
  readonly reached: string[];
  /** Ends what is open over HTTP. */
  hangUp(): void;
  close(): void;
}

const portOf = (server: Server): number => (server.address() as AddressInfo).port;

export async function startWorld({ host }: Network): Promise<World> {
  const reached: string[] = [];
  const http = createHttpServer((request, response) => {
    reached.push(`http ${request.url}`);
    response.end('from outside');
  });
  const postgres = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.once('data', () => {
      reached.push('postgres');
      socket.end('N');
    });
  });
  // Dual stack: the same servers are there by IPv4 and by IPv6.
  for (const server of [http, postgres]) await once(server.listen(0, '::'), 'listening');
  const udp = await echo(host, reached);
  const resolver = await echo(host, reached, 53);
  const loopback = await echo('127.0.0.1', reached);
  return {
    http: portOf(http),
    postgres: portOf(postgres),
    udp: udp.address().port,
    loopback: loopback.address().port,
    reached,
    hangUp: () => http.closeAllConnections(),
    close() {
      http.closeAllConnections();
      http.close();
      postgres.close();
      udp.close();
      resolver.close();
      loopback.close();
    },
  };
}

async function echo(host: string, reached: string[], port = 0): Promise<Socket> {
  const socket = createSocket('udp4');
  socket.on('message', (message, peer) => {
    reached.push(`udp ${message.toString()}`);
    socket.send(message, peer.port, peer.address);
  });
  socket.bind(port, host);
  await once(socket, 'listening');
  return socket;
}
