/** An HTTP server that remembers what reached it, and a client that asks through an explicit proxy. */
import { once } from 'node:events';
import { createServer, request, type Agent, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Level } from '@cairn/crds';

export interface HttpSink {
  /** `127.0.0.1:port`. */
  readonly address: string;
  readonly reached: Set<string>;
  /** Closes every connection on which nothing is being answered. */
  closeIdle(): void;
  close(): void;
}

/** A policy for every pod whose one target, `sink.internal` on port 80, is a sink. `rules` as YAML list items. */
export function sinkPolicy({ rules = '', level = 'RequestResponse' }: { rules?: string; level?: Level } = {}): string {
  return `
apiVersion: cairn.dev/v1alpha1
kind: AuditPolicy
metadata: {name: sink, namespace: research}
spec:
  selector: {}
  identity: {required: false, providers: [], maxDepth: 5, onAmbiguous: Deny}
  targets:
  - {name: sink, protocol: http, hosts: [sink.internal], port: 80}
  rules: [${rules}]
  default: {action: Allow, level: ${level}}
  undeclared: Deny
`;
}

export async function startHttpSink(body = 'done'): Promise<HttpSink> {
  const reached = new Set<string>();
  const server = createServer((incoming, response) => {
    reached.add(incoming.url!);
    incoming.resume().on('end', () => response.end(body));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    reached,
    closeIdle: () => server.closeIdleConnections(),
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  body: string;
}

/** GET (or POST with a body) of an absolute URL through a proxy, in absolute form. Rejects when the answer is cut off. */
export function askThrough(proxyPort: number, url: string, options: { agent?: Agent; body?: string } = {}): Promise<Answer> {
  const { agent, body } = options;
  return new Promise((resolve, reject) => {
    const asked = request({
      host: '127.0.0.1',
      port: proxyPort,
      path: url,
      method: body === undefined ? 'GET' : 'POST',
      headers: { host: new URL(url).host },
      ...(agent ? { agent } : {}),
    });
    asked.on('error', reject);
    asked.on('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('close', () => {
        if (!response.complete) return reject(new Error('the answer was cut off'));
        resolve({ status: response.statusCode!, headers: response.headers, body: Buffer.concat(chunks).toString() });
      });
    });
    asked.end(body);
  });
}
