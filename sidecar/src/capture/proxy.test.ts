import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { after, before, beforeEach, describe, it } from 'node:test';
import { MAX_PROXY_HEAD_BYTES } from './limits.js';
import type { Connection, Outbound } from './outbound.js';
import { startProxyConnection } from './proxy.js';

let opened: Connection[] = [];
let passes = true;
const outbound = {
  passes: () => passes,
  open: (connection: Connection) => {
    opened.push(connection);
    connection.socket.end('opened');
    connection.socket.resume();
  },
} as unknown as Outbound;
const served: Socket[] = [];
const server = createServer({ allowHalfOpen: true }, (socket) => {
  served.push(socket);
  startProxyConnection(socket, outbound);
});

before(() => once(server.listen(0, '127.0.0.1'), 'listening'));
after(() => server.close());
beforeEach(() => {
  opened = [];
  passes = true;
});

/** Sends the pieces one after another, each once the one before has left, and reads to the end. */
async function said(...pieces: string[]): Promise<string> {
  const socket = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', noDelay: true });
  let text = '';
  socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
  socket.on('error', () => undefined);
  for (const piece of pieces) await new Promise((resolve) => void socket.write(piece, 'latin1', resolve));
  if (!socket.destroyed) await once(socket, 'close');
  const last = served.at(-1)!;
  if (!last.destroyed) await once(last, 'close');
  return text;
}

const facts = (): unknown[] => opened.map(({ host, port, initial }) => [host, port, initial?.toString('latin1')]);

describe('the explicit proxy', () => {
  for (const [what, request, expected] of [
    ['a name and a port', 'GET http://a.example:8080/x HTTP/1.1\r\n', ['a.example', 8080]],
    ['a name without a port', 'GET http://a.example/x HTTP/1.1\r\n', ['a.example', 80]],
    ['no path', 'OPTIONS http://a.example HTTP/1.1\r\n', ['a.example', 80]],
    ['a query at once', 'GET HTTP://a.example?x HTTP/1.1\r\n', ['a.example', 80]],
    ['IPv6', 'GET http://[::1]:81/ HTTP/1.1\r\n', ['::1', 81]],
  ] as const) {
    it(`hands absolute form on whole: ${what}`, async () => {
      assert.equal(await said(request), 'opened');
      assert.deepEqual(facts(), [[...expected, request]]);
      assert.equal(typeof opened[0]?.reroute, 'function');
    });
  }

  it('answers CONNECT and hands on what follows its head', async () => {
    assert.equal(await said('CONNECT a.example:443 HTTP/1.1\r\nHost: x\r\n\r\nhello'), 'HTTP/1.1 200 Connection Established\r\n\r\nopened');
    assert.deepEqual(facts(), [['a.example', 443, 'hello']]);
  });

  it('reads a head that comes byte by byte', async () => {
    const answer = await said(...'CONNECT a.example:443 HTTP/1.1\r\nHost: x\r\n\r\n'.split(''));
    assert.match(answer, /^HTTP\/1\.1 200 .*opened$/s);
    assert.deepEqual(facts(), [['a.example', 443, '']]);
  });

  it('does not say 200 to a CONNECT that will be refused', async () => {
    passes = false;
    const request = 'CONNECT a.example:443 HTTP/1.1\r\n\r\n';
    assert.equal(await said(request), 'opened');
    assert.deepEqual(facts(), [['a.example', 443, request]]);
  });

  for (const [what, request] of [
    ['origin form', 'GET / HTTP/1.1\r\n'],
    ['https in absolute form', 'GET https://a.example/ HTTP/1.1\r\n'],
    ['a user in the authority', 'GET http://user@a.example/ HTTP/1.1\r\n'],
    ['an empty host', 'GET http:///x HTTP/1.1\r\n'],
    ['port 0', 'GET http://a.example:0/ HTTP/1.1\r\n'],
    ['port 65536', 'CONNECT a.example:65536 HTTP/1.1\r\n\r\n'],
    ['CONNECT without a port', 'CONNECT a.example HTTP/1.1\r\n\r\n'],
    ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\n'],
    ['no HTTP', 'hello\r\n'],
  ] as const) {
    it(`refuses ${what} with a problem, and closes`, async () => {
      const [head, body] = (await said(request)).split('\r\n\r\n') as [string, string];
      assert.match(head, /^HTTP\/1\.1 400 Bad Request\r\n/);
      assert.equal(served.at(-1)?.readableEnded, true);
      assert.match(head, new RegExp(`content-length: ${body.length}\\b`));
      assert.match((JSON.parse(body) as { detail: string }).detail, /send CONNECT host:port or a request in absolute form/);
      assert.deepEqual(opened, []);
    });
  }

  it('takes the head of CONNECT at its limit and refuses a larger one', async () => {
    const line = 'CONNECT a.example:443 HTTP/1.1\r\nX: ';
    const head = (size: number): string => `${line}${'x'.repeat(size - line.length)}`;
    assert.match(await said(head(MAX_PROXY_HEAD_BYTES), '\r\n\r\n'), /^HTTP\/1\.1 200/);
    opened = [];
    assert.match(await said(head(MAX_PROXY_HEAD_BYTES + 1)), /the head of CONNECT is over 65536 bytes/);
    assert.deepEqual(opened, []);
  });

  it('refuses a first line without an end', async () => {
    assert.match(await said('x'.repeat(MAX_PROXY_HEAD_BYTES + 1)), /^HTTP\/1\.1 400/);
  });

  it('starts over with bytes that a session gives back', async () => {
    await said('GET http://a.example/ HTTP/1.1\r\n');
    const again = opened[0]!;
    opened = [];
    const [near, far] = await pair();
    again.reroute!(near, Buffer.from('GET http://b.example/ HTTP/1.1\r\n'));
    assert.deepEqual(facts(), [['b.example', 80, 'GET http://b.example/ HTTP/1.1\r\n']]);
    far.destroy();
    near.destroy();
  });
});

async function pair(): Promise<[Socket, Socket]> {
  const listener = createServer().listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const far = connect((listener.address() as AddressInfo).port, '127.0.0.1');
  const [near] = (await once(listener, 'connection')) as [Socket];
  listener.close();
  return [near, far];
}
