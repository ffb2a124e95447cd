import assert from 'node:assert/strict';
import { endianness } from 'node:os';
import { describe, test } from 'node:test';
import { MAX_UNCAPTURED_TOLD, MAX_WATCHED_SOCKETS } from './limits.js';
import { parseSockets, uncaptured, type PodSocket } from './sockets.js';
import { CaptureWatch } from './watch.js';

const HEADER = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n';
const SIDECAR = 2_000_000_007;
const AGENT = 1000;

function word(bytes: number[]): string {
  return Buffer.from(endianness() === 'LE' ? bytes.toReversed() : bytes)
    .toString('hex')
    .toUpperCase();
}

/** `a.b.c.d:port` as the kernel prints it; mapped into IPv6 where asked. */
function printed(text: string, mapped = false): string {
  const [host = '', port = ''] = text.split(':');
  const prefix = mapped ? `${word([0, 0, 0, 0]).repeat(2)}${word([0, 0, 255, 255])}` : '';
  return `${prefix}${word(host.split('.').map(Number))}:${Number(port).toString(16).padStart(4, '0').toUpperCase()}`;
}

function line(local: string, remote: string, uid: number, { state = '01', inode = 77, mapped = false } = {}): string {
  const [from, to] = [printed(local, mapped), printed(remote, mapped)];
  return `   0: ${from} ${to} ${state} 00000000:00000000 00:00000000 00000000 ${uid}        0 ${inode} 1 00000000411e77cb 100 0 0 10 0\n`;
}

const found = (...lines: string[]): string[] =>
  uncaptured(parseSockets(HEADER + lines.join('')), SIDECAR).map(({ remote }) => `${remote.host}:${remote.port}`);

describe("a pod's sockets", () => {
  test('are read as IPv4, as IPv6, and as IPv4 mapped into it', () => {
    const six = `${word([0x20, 1, 0x0d, 0xb8])}${word([0, 0, 0, 0]).repeat(2)}${word([0, 0, 0, 9])}`;
    const table = `${HEADER}${line('10.0.0.5:40000', '203.0.113.5:443', AGENT)}${line('10.0.0.5:15001', '10.0.0.5:40001', SIDECAR, { mapped: true })}`;
    const [plain, mapped] = parseSockets(table);
    assert.deepEqual(plain, {
      local: { host: '10.0.0.5', port: 40_000 },
      remote: { host: '203.0.113.5', port: 443 },
      established: true,
      uid: AGENT,
      owned: true,
    });
    assert.deepEqual(mapped!.remote, { host: '10.0.0.5', port: 40_001 });
    const [ipv6] = parseSockets(`${HEADER}0: ${six}:01BB ${six}:0050 01 0:0 0:0 0 ${AGENT} 0 5\n`);
    assert.deepEqual(ipv6!.local, { host: '2001:db8:0:0:0:0:0:9', port: 443 });
  });

  test('are read up to a count of lines, and what is no socket is left out', () => {
    const many = (count: number): string => HEADER + line('10.0.0.5:1', '10.0.0.6:2', AGENT).repeat(count);
    assert.equal(parseSockets(many(MAX_WATCHED_SOCKETS)).length, MAX_WATCHED_SOCKETS);
    assert.equal(parseSockets(many(MAX_WATCHED_SOCKETS + 1)).length, MAX_WATCHED_SOCKETS);
    assert.deepEqual(parseSockets(`${HEADER}garbage\n`), []);
  });
});

describe('what goes past the sidecar', () => {
  const agents = line('10.0.0.5:40000', '203.0.113.5:443', AGENT);

  test("is an agent's connection whose other end is outside the pod", () => {
    assert.deepEqual(found(agents), ['203.0.113.5:443']);
    assert.deepEqual(found(line('10.0.0.5:8080', '10.0.9.9:51000', AGENT)), ['10.0.9.9:51000'], 'somebody who dialled the agent itself');
  });

  test('is none that ends at the sidecar, as the rules redirect it', () => {
    assert.deepEqual(found(agents, line('127.0.0.1:15001', '10.0.0.5:40000', SIDECAR, { mapped: true })), []);
    assert.deepEqual(found(agents, line('127.0.0.1:15001', '10.0.0.5:40000', 0, { inode: 0 })), [], 'not accepted yet');
  });

  const harmless: [string, string][] = [
    ["the sidecar's own", line('10.0.0.5:40001', '203.0.113.5:443', SIDECAR)],
    ['over loopback', line('127.0.0.1:40000', '127.0.0.1:8080', AGENT)],
    ["to the pod's own address", line('10.0.0.5:40000', '10.0.0.5:8080', AGENT)],
    ['that only listens', line('10.0.0.5:8080', '0.0.0.0:0', AGENT, { state: '0A' })],
    ['that is being closed', line('10.0.0.5:40000', '203.0.113.5:443', AGENT, { state: '06' })],
    ['that nobody accepted yet', line('10.0.0.5:15006', '10.0.9.9:51000', 0, { inode: 0 })],
  ];
  for (const [what, text] of harmless) test(`is none ${what}`, () => assert.deepEqual(found(text), []));
});

describe('the watch', () => {
  const sockets = (port: number): PodSocket[] => parseSockets(HEADER + line(`10.0.0.5:${port}`, '203.0.113.5:443', AGENT));

  test('tells of a connection once, when it stands in two looks one after the other', () => {
    const told: number[] = [];
    const watch = new CaptureWatch(SIDECAR, ({ local }) => void told.push(local.port));
    watch.look(sockets(40_000));
    watch.look([]);
    watch.look(sockets(40_000));
    assert.deepEqual(told, [], 'never twice in a row');
    watch.look(sockets(40_000));
    watch.look(sockets(40_000));
    assert.deepEqual(told, [40_000]);
  });

  test('tells of as many as a boot records, and of no more', () => {
    const told: number[] = [];
    const watch = new CaptureWatch(SIDECAR, ({ local }) => void told.push(local.port));
    const all = Array.from({ length: MAX_UNCAPTURED_TOLD + 1 }, (_, n) => sockets(30_000 + n)).flat();
    watch.look(all);
    watch.look(all);
    assert.equal(told.length, MAX_UNCAPTURED_TOLD);
  });
});
