/**
 * The explicit HTTP proxy: reads where the first request goes (CONNECT, or a request in absolute form), then hands the
 * connection to that target's protocol. CONNECT opens only what a policy declares; what follows is read like any other connection.
 */
import type { ByteSocket } from '../pump/leg.js';
import { FIRST_BYTES_TIMEOUT_MS, MAX_PROXY_HEAD_BYTES } from './limits.js';
import type { Departure } from './outbound.js';
import { farewell } from './refusal.js';

interface ProxyRequest {
  kind: 'connect' | 'absolute';
  host: string;
  port: number;
}

const END_OF_HEAD = Buffer.from('\r\n\r\n');
const END_OF_LINE = Buffer.from('\r\n');
const CONNECTED = 'HTTP/1.1 200 Connection Established\r\n\r\n';

export function startProxyConnection(socket: ByteSocket, outbound: Departure, first?: Buffer): void {
  let held = first ?? Buffer.alloc(0);
  const timer = setTimeout(() => socket.destroy(), FIRST_BYTES_TIMEOUT_MS);
  const release = (): void => {
    clearTimeout(timer);
    for (const name of ['data', 'end', 'error', 'close']) socket.removeAllListeners(name);
    socket.on('error', () => socket.destroy());
    socket.pause();
  };
  const step = (): void => {
    const lineEnd = held.indexOf(END_OF_LINE);
    if (lineEnd < 0 && held.length <= MAX_PROXY_HEAD_BYTES) return;
    const request = lineEnd < 0 ? undefined : parseRequestLine(held.toString('latin1', 0, lineEnd));
    if (!request) {
      release();
      farewell(socket, badRequest('send CONNECT host:port or a request in absolute form (GET http://host/path) to this proxy'));
      return;
    }
    if (request.kind === 'absolute') {
      release();
      outbound.open({ socket, ...request, initial: held, reroute: (again, bytes) => startProxyConnection(again, outbound, bytes) });
      return;
    }
    const headEnd = held.indexOf(END_OF_HEAD);
    if (headEnd < 0) {
      if (held.length <= MAX_PROXY_HEAD_BYTES) return;
      release();
      farewell(socket, badRequest(`the head of CONNECT is over ${MAX_PROXY_HEAD_BYTES} bytes`));
      return;
    }
    release();
    const { host, port } = request;
    if (outbound.passes(host, port)) {
      socket.write(CONNECTED);
      outbound.open({ socket, host, port, initial: held.subarray(headEnd + END_OF_HEAD.length) });
    } else {
      // Refused in answer to the CONNECT itself, where clients look for it.
      outbound.open({ socket, host, port, initial: held });
    }
  };
  socket.on('data', (chunk: Buffer) => {
    held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
    step();
  });
  socket.on('error', () => socket.destroy());
  socket.on('end', () => socket.destroy());
  socket.on('close', () => clearTimeout(timer));
  if (held.length > 0) step();
  else socket.resume();
}

/** RFC 9112 3.2.2 and 3.2.3. */
function parseRequestLine(line: string): ProxyRequest | undefined {
  const [method, target, version] = line.split(' ');
  if (!method || !target || !version?.startsWith('HTTP/1.')) return undefined;
  const authority = method === 'CONNECT' ? target : /^http:\/\/([^/?#]*)/i.exec(target)?.[1];
  const parsed = authority === undefined ? undefined : parseAuthority(authority);
  if (!parsed) return undefined;
  const port = parsed.port ?? (method === 'CONNECT' ? undefined : 80);
  return port === undefined ? undefined : { kind: method === 'CONNECT' ? 'connect' : 'absolute', host: parsed.host, port };
}

function parseAuthority(authority: string): { host: string; port: number | undefined } | undefined {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]+))(?::(\d{1,5}))?$/.exec(authority);
  if (!match) return undefined;
  const port = match[3] === undefined ? undefined : Number(match[3]);
  if (port !== undefined && (port < 1 || port > 65_535)) return undefined;
  return { host: (match[1] ?? match[2])!, port };
}

function badRequest(detail: string): string {
  const body = JSON.stringify({ type: 'urn:cairn:problem:proxy', title: 'Bad proxy request', status: 400, detail });
  return `HTTP/1.1 400 Bad Request\r\ncontent-type: application/problem+json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`;
}
