/**
 * The part of an API server that kubectl exec needs, in front of a command that echoes: there is no kubelet here, whose part this is.
 * Speaks v5.channel.k8s.io over WebSocket (k8s.io/apimachinery/pkg/util/remotecommand).
 */
import { once } from 'node:events';
import { createServer } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { WebSocketServer, type WebSocket } from 'ws';

export interface ExecServer {
  /** `127.0.0.1:port`. */
  readonly address: string;
  /** What of Authorization and Audit-ID came with each exec. */
  readonly asked: { authorization: string | undefined; auditId: string | undefined; url: string }[];
  close(): void;
}

const POD = {
  kind: 'Pod',
  apiVersion: 'v1',
  metadata: { name: 'web', namespace: 'research' },
  spec: { containers: [{ name: 'main', image: 'web' }] },
  status: { phase: 'Running' },
};
const DOCUMENTS: Readonly<Record<string, object>> = {
  '/api': { kind: 'APIVersions', versions: ['v1'] },
  '/apis': { kind: 'APIGroupList', apiVersion: 'v1', groups: [] },
  '/api/v1': {
    kind: 'APIResourceList',
    groupVersion: 'v1',
    resources: [{ name: 'pods', singularName: 'pod', namespaced: true, kind: 'Pod', verbs: ['get', 'list'] }],
  },
  '/api/v1/namespaces/research/pods/web': POD,
};

const STDIN = 0;
const STDOUT = 1;
const STDERR = 2;
const ERROR = 3;
const CLOSE = 255;
/** RFC 6455 7.4.1: the end of a stream to the client, where no code is an error. */
const NORMAL_CLOSURE = 1000;

function answer(request: IncomingMessage, response: ServerResponse): void {
  const document = DOCUMENTS[request.url!.split('?')[0]!];
  response.writeHead(document ? 200 : 404, { 'content-type': 'application/json' });
  response.end(JSON.stringify(document ?? { kind: 'Status', apiVersion: 'v1', status: 'Failure', reason: 'NotFound', code: 404 }));
}

/** Says each line back, and at the end of stdin ends with exit code 3. */
function command(socket: WebSocket): void {
  const say = (channel: number, text: string): void => socket.send(Buffer.concat([Buffer.from([channel]), Buffer.from(text)]));
  socket.on('message', (data: Buffer) => {
    if (data[0] === STDIN && data.length > 1) say(STDOUT, `heard ${data.subarray(1).toString()}`);
    if (data[0] !== CLOSE) return;
    say(STDERR, 'over\n');
    const causes = [{ reason: 'ExitCode', message: '3' }];
    say(ERROR, JSON.stringify({ metadata: {}, status: 'Failure', reason: 'NonZeroExitCode', message: 'exit 3', details: { causes } }));
    socket.close(NORMAL_CLOSURE);
  });
}

export async function startExecServer(tls: { cert: string; key: string }): Promise<ExecServer> {
  const asked: ExecServer['asked'] = [];
  const server = createServer(tls, answer);
  const sockets = new WebSocketServer({
    noServer: true,
    handleProtocols: (offered) => offered.has('v5.channel.k8s.io') && 'v5.channel.k8s.io',
  });
  server.on('upgrade', (request, socket, head) => {
    const { authorization, 'audit-id': auditId } = request.headers;
    asked.push({ authorization, auditId: auditId as string | undefined, url: request.url! });
    sockets.handleUpgrade(request, socket, head, command);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    close() {
      sockets.close();
      server.closeAllConnections();
      server.close();
    },
  };
}
