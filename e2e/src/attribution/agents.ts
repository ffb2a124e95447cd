/** Three agents in a row that share everything between people: each serves /ask and asks the next through its sidecar. */
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ProxyAgent, request } from 'undici';

/** What an agent passes on with its own calls: the context handle, the trace, or nothing. */
export type Manners = 'handle' | 'trace' | 'nothing';

export interface Agent {
  readonly port: number;
  /** Where it asks next, `http://host:port`. */
  next: string;
  /** Its sidecar's explicit proxy. */
  proxy: ProxyAgent | undefined;
  /** Calls the next on its own account, outside of any request. */
  work(who: string): Promise<number>;
  close(): Promise<void>;
}

const PASSED_ON: Record<Manners, readonly string[]> = { handle: ['cairn-context'], trace: ['traceparent'], nothing: [] };

export async function startAgent(): Promise<Agent> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const agent: Agent = {
    port: (server.address() as AddressInfo).port,
    next: '',
    proxy: undefined,
    work: (who) => ask(agent, `/ask?who=${who}&manners=nothing`, {}),
    close: async () => {
      await agent.proxy?.close();
      await closed(server);
    },
  };
  server.on('request', (incoming, response) => {
    serve(agent, incoming).then(
      (status) => response.writeHead(status).end(),
      (error: Error) => response.writeHead(500).end(error.message),
    );
  });
  return agent;
}

async function serve(agent: Agent, incoming: IncomingMessage): Promise<number> {
  const url = new URL(incoming.url!, 'http://agent');
  const manners = url.searchParams.get('manners') as Manners;
  // Gives others the chance to come in between.
  for (let turns = Number(url.searchParams.get('turns') ?? 0); turns > 0; turns -= 1) await new Promise((resolve) => setImmediate(resolve));
  return ask(agent, incoming.url!, picked(incoming.headers, PASSED_ON[manners]));
}

async function ask(agent: Agent, path: string, headers: Record<string, string>): Promise<number> {
  const { statusCode, body } = await request(`${agent.next}${path}`, { ...(agent.proxy ? { dispatcher: agent.proxy } : {}), headers });
  await body.dump();
  return statusCode;
}

function picked(headers: IncomingHttpHeaders, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.flatMap((name) => (typeof headers[name] === 'string' ? [[name, headers[name]]] : [])));
}

/** The last in the row: counts what arrives. */
export async function startSink(): Promise<{
  port: number;
  seen: () => number;
  headers: IncomingHttpHeaders[];
  close: () => Promise<void>;
}> {
  let count = 0;
  const headers: IncomingHttpHeaders[] = [];
  const server = createServer((incoming, response) => {
    count += 1;
    if (headers.length < 10) headers.push(incoming.headers);
    response.end('{}');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port, seen: () => count, headers, close: () => closed(server) };
}

async function closed(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
}
