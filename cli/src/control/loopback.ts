/** A listener on the loopback that a browser is sent back to, once (RFC 8252 7.3). */
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { LOGIN_MS } from './limits.js';

export interface Loopback {
  /** `http://127.0.0.1:port`. */
  readonly origin: string;
  /** Resolves to what `read` makes of the request to `path`; every other path is answered 404. */
  returned<Result>(path: string, read: (request: IncomingMessage, url: URL) => Promise<Result>): Promise<Result>;
  close(): void;
}

export async function openLoopback(): Promise<Loopback> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { origin, returned: (path, read) => returned(server, origin, path, read), close: () => void server.close() };
}

function returned<Result>(
  server: Server,
  origin: string,
  path: string,
  read: (request: IncomingMessage, url: URL) => Promise<Result>,
): Promise<Result> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`nobody logged in within ${LOGIN_MS / 60_000} minutes`)), LOGIN_MS);
    server.on('request', (request, response) => {
      const url = new URL(request.url ?? '/', origin);
      response.setHeader('connection', 'close');
      if (url.pathname !== path) {
        response.writeHead(404).end();
        return;
      }
      clearTimeout(timer);
      read(request, url).then(
        (result) => {
          response
            .writeHead(200, { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' })
            .end('You may close this window.\n');
          resolve(result);
        },
        (error: unknown) => {
          response.writeHead(400, { 'content-type': 'text/plain; charset=utf-8' }).end('The login failed; see the terminal.\n');
          reject(error);
        },
      );
    });
  });
}
