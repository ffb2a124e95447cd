/** /healthz, /readyz and /metrics, in the clear: nothing here is secret. */
import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { Registry } from 'prom-client';
import type { ListenAddress } from '../config/index.js';

export interface AdminSources {
  registries: readonly Registry[];
  /** Why the operator is not ready; undefined: ready. */
  notReady: () => string | undefined;
}

function answer(response: ServerResponse, status: number, body: string, type = 'text/plain; charset=utf-8'): void {
  response.writeHead(status, { 'content-type': type, 'x-content-type-options': 'nosniff' });
  response.end(body);
}

async function metrics(response: ServerResponse, registries: readonly Registry[]): Promise<void> {
  try {
    const merged = Registry.merge([...registries]);
    answer(response, 200, await merged.metrics(), merged.contentType);
  } catch {
    answer(response, 500, 'the metrics could not be read\n');
  }
}

export async function serveAdmin({ host, port }: ListenAddress, { registries, notReady }: AdminSources): Promise<Server> {
  const server = createServer((request, response) => {
    switch (`${request.method} ${request.url}`) {
      case 'GET /healthz':
        return answer(response, 200, 'ok\n');
      case 'GET /readyz': {
        const reason = notReady();
        return answer(response, reason === undefined ? 200 : 503, `${reason ?? 'ok'}\n`);
      }
      case 'GET /metrics':
        return void metrics(response, registries);
      default:
        return answer(response, 404, 'not found: GET /healthz, /readyz or /metrics\n');
    }
  });
  server.listen(port, host);
  await once(server, 'listening');
  return server;
}
