/** /healthz, /readyz, /metrics and /drain, on a loopback port of the pod. */
import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { Registry } from 'prom-client';
import type { ListenAddress } from '../config/env.js';

export interface AdminSources {
  registry: Registry;
  /** Why the sidecar is not ready; undefined: ready. */
  notReady: () => string | undefined;
  /** Absent where whoever reaches the listener may not ask for it. */
  drain?: () => void;
}

export async function serveAdmin(address: ListenAddress, sources: AdminSources): Promise<Server> {
  const server = createServer((request, response) => {
    const route = `${request.method} ${request.url}`;
    if (route === 'GET /healthz') answer(response, 200, 'ok\n');
    else if (route === 'GET /readyz') {
      const reason = sources.notReady();
      answer(response, reason === undefined ? 200 : 503, `${reason ?? 'ok'}\n`);
    } else if (route === 'GET /metrics') {
      void sources.registry.metrics().then((text) => answer(response, 200, text, sources.registry.contentType));
    } else if (route === 'POST /drain' && sources.drain) {
      answer(response, 202, 'draining\n');
      sources.drain();
    } else answer(response, 404, 'not found: GET /healthz, /readyz, /metrics or POST /drain\n');
  });
  server.listen(address.port, address.host);
  await once(server, 'listening');
  return server;
}

function answer(response: ServerResponse, status: number, body: string, type = 'text/plain; charset=utf-8'): void {
  response.writeHead(status, { 'content-type': type });
  response.end(body);
}
