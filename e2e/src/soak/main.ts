/**
 * Many requests on long-lived connections through one sidecar, which records and chains all of them, and its RSS over
 * time. REQUESTS=500000 HTTP requests, then as many PostgreSQL queries; exit code 1 where memory grew.
 */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { startPostgres } from '@cairn/cli';
import { Client } from 'pg';
import { Pool } from 'undici';
import { startControlPlane } from '../harness/control-plane.js';
import { startSidecar, type Sidecar } from '../harness/sidecar.js';

const REQUESTS = Number(process.env['REQUESTS'] ?? 500_000);
const CONNECTIONS = 16;
const LINES = 20;
/** RSS may differ so much between a tenth of a run and its end; garbage is collected when V8 sees fit. Megabytes. */
const SLACK_MB = 15;
const ROLE = 'soak';
const PASSWORD = 'soak';
const POLICY = `
apiVersion: cairn.dev/v1alpha1
kind: AuditPolicy
metadata: {name: soak, namespace: research}
spec:
  selector: {}
  identity: {required: false, providers: [], onAmbiguous: Record}
  targets:
  - {name: web, protocol: http, hosts: [web.internal], port: 80}
  - {name: orders, protocol: postgres, hosts: [orders.internal], port: 5432, credential: {secret: orders}, tls: {mode: Disable}}
  rules: []
  default: {action: Allow, level: RequestResponse}
`;

interface Sample {
  done: number;
  megabytes: number;
}

/** Runs `ask` REQUESTS times over CONNECTIONS lanes, each lane one at a time, and prints a line at every step. */
async function soak(name: string, pid: number, ask: (lane: number, number: number) => Promise<void>): Promise<Sample[]> {
  const samples: Sample[] = [];
  const step = Math.max(1, Math.floor(REQUESTS / LINES));
  const began = performance.now();
  let asked = 0;
  let done = 0;
  const lane = async (index: number): Promise<void> => {
    while (asked < REQUESTS) {
      asked += 1;
      await ask(index, asked);
      done += 1;
      if (done % step === 0) samples.push(report(name, pid, done, began));
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, (_, index) => lane(index)));
  return samples;
}

function report(name: string, pid: number, done: number, began: number): Sample {
  const megabytes = Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) / 1024;
  const seconds = (performance.now() - began) / 1000;
  process.stdout.write(`${name}\t${done}\t${seconds.toFixed(1)} s\t${Math.round(done / seconds)}/s\t${megabytes.toFixed(1)} MB\n`);
  return { done, megabytes };
}

/** Growth from a tenth of the run, when caches are warm, to the highest later value. */
function grown(name: string, samples: readonly Sample[]): boolean {
  const warm = samples[Math.floor(samples.length / 10)]!;
  const peak = Math.max(...samples.slice(Math.floor(samples.length / 2)).map(({ megabytes }) => megabytes));
  const growth = peak - warm.megabytes;
  process.stdout.write(`${name}: ${growth.toFixed(1)} MB more than after ${warm.done}; ${SLACK_MB} MB are allowed\n`);
  return growth > SLACK_MB;
}

async function soakHttp(sidecar: Sidecar): Promise<boolean> {
  const pool = new Pool(sidecar.proxyUrl, { connections: CONNECTIONS, pipelining: 1 });
  const headers = { host: 'web.internal', 'content-type': 'application/json' };
  const samples = await soak('http', sidecar.pid, async (_, number) => {
    // The proxy takes the target in absolute form, which undici passes on as a path.
    const { statusCode, body } = await pool.request({
      path: `http://web.internal/${number % 1000}`,
      method: 'POST',
      headers,
      body: '{"q":1}',
    });
    if ((await body.text()) === '' || statusCode !== 200) throw new Error(`request ${number} was answered ${statusCode}`);
  });
  await pool.close();
  return grown('http', samples);
}

async function soakPostgres(sidecar: Sidecar): Promise<boolean> {
  const url = `postgres://anybody@127.0.0.1:${sidecar.targetPort('orders')}/postgres`;
  const clients = Array.from({ length: CONNECTIONS }, () => new Client({ connectionString: url }));
  for (const client of clients) await client.connect();
  const samples = await soak('postgres', sidecar.pid, async (lane, number) => {
    await clients[lane]!.query({ name: 'soak', text: 'select $1::int as n, repeat($2, 100) as text', values: [number, 'x'] });
  });
  for (const client of clients) await client.end();
  return grown('postgres', samples);
}

async function startWeb(): Promise<Server> {
  const answer = JSON.stringify({ rows: Array.from({ length: 10 }, (_, id) => ({ id, name: `name ${id}`, email: `${id}@example.com` })) });
  const server = createServer((request, response) => request.resume().on('end', () => response.end(answer)));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

const web = await startWeb();
const database = await startPostgres({ users: { [ROLE]: PASSWORD } });
const plane = await startControlPlane(POLICY);
const sidecar = await startSidecar({
  plane,
  targets: ['orders'],
  credentials: { orders: { username: ROLE, password: PASSWORD } },
  resolve: { 'web.internal:80': `127.0.0.1:${(web.address() as AddressInfo).port}`, 'orders.internal:5432': `127.0.0.1:${database.port}` },
  env: { CAIRN_SPOOL_QUOTA_MIB: '65536', CAIRN_SPOOL_HIGH_WATER_MIB: '65536' },
});
try {
  const grew = [await soakHttp(sidecar), await soakPostgres(sidecar)];
  process.exitCode = grew.includes(true) ? 1 : 0;
} finally {
  await sidecar.stop();
  await plane.stop();
  await database.stop();
  web.close();
}
