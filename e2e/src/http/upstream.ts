/** Targets for real clients: a Node server that says what reached it, and nginx in front of files. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type IncomingMessage, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { accepts, freePorts } from '../harness/ports.js';

export interface Upstream {
  /** `127.0.0.1:port`. */
  readonly address: string;
  stop(): Promise<void>;
}

export const CONTACT = { id: 7, email: 'alice@example.com', note: 'card 4111 1111 1111 1111' };

/** Answers with the request as JSON; `/contact` with a person, in the coding that is asked for; `/ws` with an echo after 101. */
export async function startEcho(): Promise<Upstream & { requests: { method: string; url: string; size: number }[] }> {
  const requests: { method: string; url: string; size: number }[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks);
      requests.push({ method: request.method!, url: request.url!, size: body.length });
      if (request.url === '/contact') return void response.writeHead(200, contactHead(request)).end(contactBody(request));
      const { method, url, headers, trailers } = request;
      response.setHeader('Content-Type', 'application/json');
      response.end(JSON.stringify({ method, url, headers, trailers, size: body.length }));
    });
  });
  server.on('upgrade', (_request, socket) => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n');
    socket.pipe(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

const codingOf = (request: IncomingMessage): string | undefined =>
  ['zstd', 'br', 'gzip'].find((coding) => request.headers['accept-encoding']?.includes(coding));

function contactHead(request: IncomingMessage): Record<string, string> {
  const coding = codingOf(request);
  return { 'Content-Type': 'application/json', ...(coding ? { 'Content-Encoding': coding } : {}) };
}

function contactBody(request: IncomingMessage): Buffer {
  const body = Buffer.from(JSON.stringify(CONTACT));
  switch (codingOf(request)) {
    case 'br':
      return brotliCompressSync(body);
    case 'gzip':
      return gzipSync(body);
    case 'zstd':
      return Buffer.from('zstd that nobody here can open');
    case undefined:
    default:
      return body;
  }
}

/** nginx with default keep-alive over a folder of files. */
export async function startNginx(files: Record<string, Buffer>): Promise<Upstream> {
  const folder = mkdtempSync(join(tmpdir(), 'cairn-nginx-'));
  const [port] = await freePorts(1);
  chmodSync(folder, 0o755); // started as root, its workers are nobody
  mkdirSync(join(folder, 'www'));
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(folder, 'www', name), bytes);
  const config = `
    worker_processes 1; daemon off; pid ${folder}/pid; error_log ${folder}/error.log;
    events {}
    http {
      access_log off; default_type application/octet-stream; client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy;
      fastcgi_temp_path ${folder}/f; uwsgi_temp_path ${folder}/u; scgi_temp_path ${folder}/s;
      types { application/json json; }
      gzip on; gzip_types application/json; gzip_min_length 10;
      server { listen 127.0.0.1:${port}; root ${folder}/www; }
    }`;
  writeFileSync(join(folder, 'nginx.conf'), config);
  const child = spawn('nginx', ['-p', folder, '-c', join(folder, 'nginx.conf')], { stdio: 'ignore' });
  while (!(await accepts(port!))) {
    if (child.exitCode !== null) throw new Error('nginx did not start');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return {
    address: `127.0.0.1:${port}`,
    async stop() {
      const exit = once(child, 'exit');
      child.kill('SIGTERM');
      await exit;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
