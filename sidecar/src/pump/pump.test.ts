import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { after, before, test } from 'node:test';
import { connect as connectTls, createServer as createTlsServer } from 'node:tls';
import { EvidenceError } from '@cairn/audit';
import type { Target } from '@cairn/crds';
import { createAuthority, type CertificateAuthority } from '../credentials/authority.js';
import type { Session, Wire } from '../protocols/protocol.js';
import { CUT_TIMEOUT_MS, HIGH_WATER_BYTES } from './limits.js';
import { livePumps, Pump, type PumpServices } from './pump.js';
import { Turn } from './turn.js';

let authority: CertificateAuthority;
before(async () => {
  authority = await createAuthority('pod');
  await authority.prepare(['target.internal']);
});

const servers: Server[] = [];
after(() => servers.forEach((server) => server.close()));

async function listening(server: Server): Promise<number> {
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

interface Bench {
  agentPort: number;
  flushes: string[];
  failFlush: { error: EvidenceError | undefined };
}

/** A sidecar of one listener, whose sessions are made by `make`. */
async function bench(targetPort: number, make: (wire: Wire) => Session, tls: Target['tls'] = { mode: 'Disable' }): Promise<Bench> {
  const flushes: string[] = [];
  const failFlush: Bench['failFlush'] = { error: undefined };
  const flush = (): void => {
    if (failFlush.error) throw failFlush.error;
    flushes.push('flush');
  };
  const services: PumpServices = {
    turn: new Turn({ flush }),
    resolve: (_host, port) => ({ host: '127.0.0.1', port }),
    secureContextFor: (name) => authority.secureContextFor(name),
    targetCa: () => authority.certificate,
    now: () => performance.now(),
    log: () => undefined,
  };
  const target = { name: 't', protocol: 'http', hosts: ['target.internal'], port: targetPort, tls } as unknown as Target;
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    new Pump(services, { socket, target, host: 'target.internal', port: targetPort, open: make });
  });
  return { agentPort: await listening(server), flushes, failFlush };
}

/** Forwards both ways; parts can be replaced by a test. */
function forwarding(wire: Wire, parts: Partial<Session> = {}): Session {
  return {
    start: () => void wire.connectTarget(),
    agentData: (chunk) => wire.toTarget(chunk),
    targetData: (chunk) => wire.toAgent(chunk),
    agentEnd: () => wire.endTarget(),
    targetEnd: () => wire.endAgent(),
    evidenceFailed: () => wire.destroy('evidence'),
    cut: (reason) => wire.destroy(reason),
    closed: () => undefined,
    ...parts,
  };
}

const echo = (): Server => createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket));

async function read(socket: Socket): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of socket as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

test('bytes pass both ways, half-close included, each turn behind a flush', async () => {
  const { agentPort, flushes } = await bench(await listening(echo()), (wire) => forwarding(wire));
  const agent = connect(agentPort, '127.0.0.1');
  agent.end('hello');
  assert.equal(await read(agent), 'hello');
  assert.ok(flushes.length > 0);
});

test('a target connection that ended can be replaced; what comes for it meanwhile goes to the new one', async () => {
  let connections = 0;
  const target = createServer({ allowHalfOpen: true }, (socket) => {
    connections += 1;
    if (connections === 1) socket.end();
    else socket.pipe(socket);
  });
  const { agentPort } = await bench(await listening(target), (wire) =>
    forwarding(wire, {
      targetEnd: () => {
        if (connections > 1) return wire.endAgent();
        void wire.connectTarget();
        wire.toTarget(Buffer.from('again'));
      },
    }),
  );
  const agent = connect(agentPort, '127.0.0.1');
  const [echoed] = (await once(agent, 'data')) as [Buffer];
  assert.equal(echoed.toString(), 'again');
  agent.end();
  assert.equal(await read(agent), '');
  assert.equal(connections, 2);
});

test('bytes whose evidence cannot be written never leave, and the session answers', async () => {
  let reached = '';
  const targetPort = await listening(createServer((socket) => socket.on('data', (chunk) => (reached += chunk.toString()))));
  const bad = await bench(targetPort, (wire) =>
    forwarding(wire, {
      evidenceFailed: (error) => {
        wire.toAgent(Buffer.from(`refused: ${error.code}`));
        wire.endAgent();
      },
    }),
  );
  const agent = connect(bad.agentPort, '127.0.0.1');
  await once(agent, 'connect');
  bad.failFlush.error = new EvidenceError('disk-full', 'no space');
  agent.write('secret');
  assert.equal(await read(agent), 'refused: disk-full');
  assert.equal(reached, '');
});

test('a session that throws fails closed, alone', async () => {
  const targetPort = await listening(echo());
  let sessions = 0;
  const { agentPort } = await bench(targetPort, (wire) => {
    sessions += 1;
    const throws = sessions === 1;
    return forwarding(wire, { agentData: (chunk) => (throws ? assert.fail('interpreter') : wire.toTarget(chunk)) });
  });
  const [first, second] = [connect(agentPort, '127.0.0.1'), connect(agentPort, '127.0.0.1')];
  await Promise.all([once(first, 'connect'), once(second, 'connect')]);
  first.write('x');
  assert.equal(await read(first), '');
  second.end('y');
  assert.equal(await read(second), 'y');
});

test('TLS begun in mid-stream on the agent leg keeps the bytes that came early', async () => {
  const { agentPort } = await bench(await listening(echo()), (wire) => {
    let secured = false;
    return forwarding(wire, {
      agentData: (chunk) => {
        if (secured || chunk[0] !== 0x16) return wire.toTarget(chunk);
        secured = true;
        void wire.secureAgent({ pending: chunk, alpn: ['http/1.1'] });
      },
    });
  });
  const agent = connectTls({
    port: agentPort,
    host: '127.0.0.1',
    servername: 'target.internal',
    ca: authority.certificate,
    ALPNProtocols: ['h2', 'http/1.1'],
  });
  await once(agent, 'secureConnect');
  assert.equal(agent.alpnProtocol, 'http/1.1');
  agent.end('over tls');
  assert.equal(await read(agent), 'over tls');
});

test('TLS on the target leg is verified strictly', async () => {
  const failed: string[] = [];
  const tlsServer = createTlsServer({ SNICallback: (_name, done) => done(null, authority.secureContextFor('localhost')) }, () => undefined);
  const { agentPort } = await bench(await listening(tlsServer), (wire) =>
    forwarding(wire, {
      start: () =>
        void wire
          .connectTarget()
          .then(() => wire.secureTarget({}))
          .catch((error: Error) => {
            failed.push(error.message);
            wire.destroy('tls');
          }),
    }),
  );
  const agent = connect(agentPort, '127.0.0.1');
  assert.equal(await read(agent), '');
  assert.match(failed[0]!, /target\.internal/);
});

test('TLS on the target leg carries what was queued before it', async () => {
  const tlsServer = createTlsServer({ SNICallback: (name, done) => done(null, authority.secureContextFor(name)) }, (socket) =>
    socket.pipe(socket),
  );
  const { agentPort } = await bench(await listening(tlsServer), (wire) => {
    let ready = false;
    const early: Buffer[] = [];
    return forwarding(wire, {
      start: () =>
        void wire
          .connectTarget()
          .then(() => wire.secureTarget({}))
          .then(() => {
            ready = true;
            for (const chunk of early) wire.toTarget(chunk);
          }),
      agentData: (chunk) => (ready ? wire.toTarget(chunk) : void early.push(chunk)),
      targetData: (chunk) => {
        wire.toAgent(chunk);
        wire.endAgent();
      },
    });
  });
  const agent = connect(agentPort, '127.0.0.1');
  agent.write('hello');
  assert.equal(await read(agent), 'hello');
});

test('a slow reader stops the other side from being read', async () => {
  const payload = Buffer.alloc(64 * 1024 * 1024, 'x');
  let sent = 0;
  const source = createServer((socket) => {
    const more = (): void => {
      while (sent < payload.length) {
        const chunk = payload.subarray(sent, sent + 64 * 1024);
        sent += chunk.length;
        if (!socket.write(chunk)) return;
      }
      socket.end();
    };
    socket.on('drain', more);
    more();
  });
  let most = 0;
  const { agentPort } = await bench(await listening(source), (wire) =>
    forwarding(wire, {
      targetData: (chunk) => {
        wire.toAgent(chunk);
        for (const pump of livePumps) most = Math.max(most, pump.queuedForAgent);
      },
    }),
  );
  const agent = connect(agentPort, '127.0.0.1');
  let received = 0;
  for await (const chunk of agent as AsyncIterable<Buffer>) {
    received += chunk.length;
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.equal(received, payload.length);
  assert.ok(most < HIGH_WATER_BYTES + 4 * 1024 * 1024, `${most} bytes were queued`);
});

test('a session that is cut says its last words, and ends also when they are not taken', async () => {
  const others = new Set(livePumps);
  const { agentPort } = await bench(await listening(echo()), (wire) =>
    forwarding(wire, {
      cut: (reason) => {
        wire.toAgent(Buffer.from(reason));
        wire.endAgent();
      },
    }),
  );
  const agent = connect({ port: agentPort, host: '127.0.0.1', allowHalfOpen: true });
  agent.on('error', () => undefined);
  agent.write('x');
  await once(agent, 'data');
  const words = once(agent, 'data');
  const [pump] = [...livePumps].filter((each) => !others.has(each));
  const began = performance.now();
  pump!.cut('revoked');
  assert.equal(String((await words)[0]), 'revoked');
  // The agent never ends its own half.
  while (livePumps.has(pump!)) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.ok(performance.now() - began < CUT_TIMEOUT_MS * 1.5);
  agent.destroy();
});
