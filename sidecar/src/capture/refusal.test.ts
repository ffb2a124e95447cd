import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { refusal } from './refusal.js';

const REFUSED = { host: 'évil.example', port: 443, reason: 'no target declares it', event: 'the-event' };
const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]);
const STARTUP = Buffer.from([0, 0, 0, 9, 0, 3, 0, 0, 0]);

let initial: Buffer | undefined;
let accepted: Socket[] = [];
const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
  accepted.push(socket);
  refusal(socket, initial, REFUSED);
});
before(() => once(server.listen(0, '127.0.0.1'), 'listening'));
after(() => server.close());

/** What comes back until the end; then both sides are closed. */
async function said(first: Buffer | undefined, read?: Buffer): Promise<string> {
  initial = read;
  accepted = [];
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  let text = '';
  socket.on('data', (chunk: Buffer) => (text += chunk.toString('utf8')));
  socket.on('error', () => undefined);
  if (first) socket.write(first);
  await once(socket, 'close');
  const [served] = accepted;
  if (served && !served.destroyed) await once(served, 'close');
  return text;
}

describe('a refused destination', () => {
  for (const [what, first] of [
    ['GET', 'GET / HTTP/1.1\r\n\r\n'],
    ['CONNECT', 'CONNECT a:443 HTTP/1.1\r\n\r\n'],
    ['a long method', 'PROPPATCHX /'],
  ] as const) {
    it(`is told to ${what} as a problem`, async () => {
      const text = await said(Buffer.from(first));
      const [head, body] = text.split('\r\n\r\n') as [string, string];
      assert.match(head, /^HTTP\/1\.1 403 Forbidden\r\n/);
      assert.match(head, /content-type: application\/problem\+json/);
      assert.match(head, new RegExp(`content-length: ${Buffer.byteLength(body)}\\b`));
      assert.match(head, /connection: close/);
      assert.deepEqual(JSON.parse(body), {
        type: 'urn:cairn:problem:undeclared',
        title: 'Destination refused',
        status: 403,
        detail: 'évil.example:443: no target declares it',
        event: 'the-event',
      });
    });
  }

  for (const [what, first] of [
    ['SSLRequest', SSL_REQUEST],
    ['StartupMessage', STARTUP],
  ] as const) {
    it(`is told to PostgreSQL as ErrorResponse (${what})`, async () => {
      const bytes = Buffer.from(await said(first), 'utf8');
      assert.equal(bytes.toString('latin1', 0, 1), 'E');
      assert.equal(bytes.readUInt32BE(1), bytes.length - 1);
      const fields = bytes.toString('utf8', 5).split('\0');
      assert.deepEqual(fields, ['SFATAL', 'VFATAL', 'C28000', 'Mévil.example:443: no target declares it', 'Devent the-event', '', '']);
    });
  }

  for (const [what, first] of [
    ['a TLS hello', Buffer.from([22, 3, 1, 0, 5, 1, 0, 0, 1, 3])],
    ['lower case', Buffer.from('get / HTTP/1.1\r\n')],
    ['too few bytes', Buffer.from([0, 0, 0])],
  ] as const) {
    it(`is a closed connection to ${what}`, async () => assert.equal(await said(first), ''));
  }

  it('answers bytes that were read already, without waiting for more', async () => {
    assert.match(await said(undefined, Buffer.from('GET / HTTP/1.1\r\n')), /^HTTP\/1\.1 403/);
  });

  it('closes both sides, also where bytes were left unread', async () => {
    await said(Buffer.alloc(200_000, 0x61), Buffer.from('POST / HTTP/1.1\r\n'));
    assert.equal(accepted[0]?.destroyed, true);
    // It saw the client's end, and was not merely cut off in the end.
    assert.equal(accepted[0].readableEnded, true);
  });

  it('closes where the client ends without a word', async () => {
    initial = undefined;
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
    socket.resume().end();
    await once(socket, 'close');
  });
});
