/** Revoking a launch ends what is open for it and for the launches below it, while other work goes on. */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { after, afterEach, before, test } from 'node:test';
import type { AuditEvent } from '@cairn/audit';
import { startPostgres, type PostgresPart } from '@cairn/cli';
import { Client } from 'pg';
import { startControlPlane, type ControlPlane } from '../harness/control-plane.js';
import { askThrough } from '../harness/http-sink.js';
import { startSidecar, type Sidecar } from '../harness/sidecar.js';

const CUT_MS = 2_000;
const ROLE = 'agent_role';
const PASSWORD = 'of the sidecar';

const policy = (agent: string, targets: string): string => `
apiVersion: cairn.dev/v1alpha1
kind: AuditPolicy
metadata: {name: ${agent}, namespace: research}
spec:
  selector: {matchLabels: {agent: ${agent}}}
  identity: {required: false, providers: [], maxDepth: 5, onAmbiguous: Record}
  targets:
${targets}
  rules: []
  default: {action: Allow, level: Metadata}
  undeclared: Deny
`;

let server: PostgresPart;
let plane: ControlPlane;
let admin: Client;
const web = { server: undefined as unknown as Server, asked: new Set<string>() };

before(async () => {
  server = await startPostgres({ users: { [ROLE]: PASSWORD } });
  admin = new Client({ connectionString: server.url(server.admin.user, server.admin.password, 'postgres') });
  await admin.connect();
  web.server = createServer((request, response) => {
    web.asked.add(request.url!);
    if (request.url === '/half') response.writeHead(200, { 'content-length': 100 }).write('the first half');
    else if (request.url !== '/never') response.end('done');
  });
  web.server.on('upgrade', (request, socket) => {
    web.asked.add(request.url!);
    socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: chat\r\n\r\nhello');
  });
  web.server.listen(0, '127.0.0.1');
  await once(web.server, 'listening');
  const targets = `
  - {name: web, protocol: http, hosts: [web.internal], port: 80}
  - {name: orders, protocol: postgres, hosts: [orders.internal], port: 5432, credential: {secret: orders}, tls: {mode: Disable}}
  - {name: researcher, protocol: http, hosts: [researcher.internal], port: 80, forward: [Txn-Token]}`;
  plane = await startControlPlane([policy('planner', targets), policy('researcher', targets)].join('---'));
});

after(async () => {
  await admin.end();
  web.server.closeAllConnections();
  web.server.close();
  await plane.stop();
  await server.stop();
});

function sidecarOf(agent: string, options: { serves?: number; researcher?: string } = {}): Promise<Sidecar> {
  return startSidecar({
    plane,
    agent,
    labels: { agent },
    targets: ['orders'],
    ...(options.serves === undefined ? {} : { serves: options.serves }),
    credentials: { orders: { username: ROLE, password: PASSWORD } },
    resolve: {
      'web.internal:80': `127.0.0.1:${(web.server.address() as AddressInfo).port}`,
      'orders.internal:5432': `127.0.0.1:${server.port}`,
      'researcher.internal:80': options.researcher ?? '127.0.0.1:9',
    },
  });
}

async function until(what: string, holds: () => boolean | Promise<boolean>, within = 10_000): Promise<void> {
  const end = performance.now() + within;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`not within ${within} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const children = new Set<ChildProcess>();
afterEach(async () => {
  for (const child of children) child.kill('SIGKILL');
  children.clear();
  // A server goes on with the query of a client that was killed.
  await admin.query(`select pg_terminate_backend(pid, 5000) from pg_stat_activity where usename = '${ROLE}'`);
});

/** A client program with its output, which is running until `ended` resolves. */
function run(command: string, ...args: string[]): { child: ChildProcess; out: () => string; ended: Promise<unknown> } {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, PGSSLMODE: 'disable' } });
  children.add(child);
  let out = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (out += chunk.toString()));
  return { child, out: () => out, ended: once(child, 'close') };
}

const psqlUrl = (sidecar: Sidecar): string => `postgres://anybody@127.0.0.1:${sidecar.targetPort('orders')}/postgres`;
const active = async (marker: string): Promise<number> =>
  (await admin.query(`select 1 from pg_stat_activity where usename = '${ROLE}' and query like '%${marker}%' and state = 'active'`)).rows
    .length;
const connected = async (): Promise<number> => (await admin.query(`select 1 from pg_stat_activity where usename = '${ROLE}'`)).rows.length;
const launchOf = (events: AuditEvent[]): string => events.find(({ launch }) => launch)!.launch!.id;
const cuts = (events: AuditEvent[]): AuditEvent[] =>
  events.filter(({ operation, stage }) => operation?.verb === 'DISCONNECT' && stage === 'complete');

test('revoking the launch of a pod cuts an idle psql, a long query, requests and tunnels within two seconds', async () => {
  const [sidecar, other] = await Promise.all([sidecarOf('planner'), sidecarOf('researcher')]);
  try {
    const idle = run('psql', '-XAt', psqlUrl(sidecar));
    idle.child.stdin!.write('select 42;\n');
    await until('psql answers', () => idle.out().includes('42'));
    const long = run('psql', '-X', psqlUrl(sidecar), '-c', 'select pg_sleep(600) /* long */');
    const others = run('psql', '-X', psqlUrl(other), '-c', 'select pg_sleep(600) /* others */');
    const proxy = ['-sSN', '--noproxy', '', '-x', sidecar.proxyUrl];
    const never = run('curl', ...proxy, '-w', '%{http_code}', 'http://web.internal/never');
    const half = run('curl', ...proxy, 'http://web.internal/half');
    const tunnel = connect(sidecar.proxyPort, '127.0.0.1');
    tunnel.write('GET http://web.internal/chat HTTP/1.1\r\nhost: web.internal\r\nconnection: upgrade\r\nupgrade: chat\r\n\r\n');
    const tunnelClosed = once(tunnel.resume(), 'close');
    await until('queries run', async () => (await active('long')) === 1 && (await active('others')) === 1);
    await until('requests wait', () => web.asked.has('/never') && half.out().includes('first half') && web.asked.has('/chat'));

    await plane.service.revoke(launchOf(sidecar.events()), 'carol@example.com', 'the laptop was stolen');
    const began = performance.now();
    await Promise.all([long.ended, never.ended, half.ended, tunnelClosed]);
    await until('the server lost all but the other session', async () => (await connected()) === 1, CUT_MS);
    assert.ok(performance.now() - began < CUT_MS, `took ${performance.now() - began} ms`);

    idle.child.stdin!.end('select 43;\n');
    await idle.ended;
    for (const { out } of [idle, long])
      assert.match(out(), /FATAL: {2}terminating connection: launch .* was revoked by carol@example.com: the laptop/);
    assert.match(never.out(), /problems\/revoked.*stolen.*403$/s);
    assert.match(half.out(), /curl: \(18\)/);
    assert.equal(await active('others'), 1);

    const refused = await askThrough(sidecar.proxyPort, 'http://web.internal/again');
    assert.equal(refused.status, 403);
    assert.match(refused.body, /was revoked by carol@example.com/);
    const denied = run('psql', '-X', psqlUrl(sidecar), '-c', 'select 1');
    await denied.ended;
    assert.match(denied.out(), /FATAL: .*was revoked by carol/);
    assert.ok(!web.asked.has('/again'));

    const events = await sidecar.eventsWhen((all) => cuts(all).length === 5);
    for (const cut of cuts(events)) assert.match(cut.response?.error ?? '', /was revoked by carol@example.com: the laptop was stolen/);
    const outcome = (resource: string): AuditEvent['response'] =>
      events.find(({ stage, operation }) => stage === 'complete' && operation?.resource === resource)?.response;
    assert.deepEqual([outcome('/never')?.status, outcome('/half')?.status, outcome('/chat')?.status], ['403', '200', '101']);
    for (const path of ['/never', '/half', '/chat']) assert.match(outcome(path)?.error ?? '', /was revoked/, path);
    const slept = events.find(({ stage, response }) => stage === 'complete' && response?.status === '57P01');
    assert.match(slept?.response?.error ?? '', /was revoked/);
    assert.deepEqual(cuts(other.events()), []);
    others.child.kill();
    await others.ended;
  } finally {
    await Promise.all([sidecar.stop(), other.stop()]);
  }
});

test('launches below a revoked one end with it, in whatever pod they are', async () => {
  const agent = createServer();
  agent.listen(0, '127.0.0.1');
  await once(agent, 'listening');
  const researcher = await sidecarOf('researcher', { serves: (agent.address() as AddressInfo).port });
  const planner = await sidecarOf('planner', { researcher: new URL(researcher.inboundUrl).host });
  let work: ReturnType<typeof run> | undefined;
  agent.on('request', () => {
    work = run('psql', '-X', psqlUrl(researcher), '-c', 'select pg_sleep(600) /* below */');
  });
  try {
    const asked = run('curl', '-sSN', '--noproxy', '', '-x', planner.proxyUrl, '-w', '%{http_code}', 'http://researcher.internal/research');
    await until('the query runs', async () => (await active('below')) === 1);
    await plane.service.revoke(launchOf(planner.events()), 'carol@example.com');
    const began = performance.now();
    await Promise.all([asked.ended, work!.ended]);
    await until('the server has no such session', async () => (await connected()) === 0, CUT_MS);
    assert.ok(performance.now() - began < CUT_MS, `took ${performance.now() - began} ms`);
    assert.match(work!.out(), /FATAL: .*launch .*, above .*, was revoked by carol/);
    assert.match(asked.out(), /was revoked.*403$/s);
    const served = await researcher.eventsWhen((all) =>
      all.some(({ session, stage }) => session?.direction === 'inbound' && stage === 'complete'),
    );
    const inbound = served.find(({ session, stage }) => session?.direction === 'inbound' && stage === 'complete');
    assert.match(inbound?.response?.error ?? '', /was revoked by carol/);
    // The agent goes on working for its caller: that is refused, and not taken for the pod's own.
    const late = await askThrough(researcher.proxyPort, 'http://web.internal/late');
    assert.deepEqual([late.status, web.asked.has('/late')], [403, false]);
  } finally {
    await Promise.all([planner.stop(), researcher.stop()]);
    agent.closeAllConnections();
    agent.close();
  }
});
