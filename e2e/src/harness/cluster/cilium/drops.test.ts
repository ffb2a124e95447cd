import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dropsSince } from './drops.js';

const line = (seconds: string, summary: object, reason = 'Policy denied') =>
  `${seconds} ${JSON.stringify({ cpu: 'CPU 01:', type: 'drop', reason, source: 237, bytes: 74, srcLabel: 11, dstLabel: 2, summary })}`;
const L3 = { src: '10.201.1.2', dst: '10.201.1.3' };
const tcp = line('1700000000.250000', { ipv4: '{}', tcp: '{}', l3: L3, l4: { src: '40000', dst: '8080(http-alt)' } });

test('a dropped TCP segment is told with its time, addresses and port', () => {
  const [drop] = dropsSince(tcp, new Date(0));
  const { line: written, ...told } = drop!;
  assert.equal(written, tcp);
  assert.deepEqual(told, {
    at: new Date(1_700_000_000_250),
    reason: 'Policy denied',
    source: L3.src,
    destination: L3.dst,
    protocol: 'TCP',
    destinationPort: 8080,
  });
});

test('a protocol without ports has none', () => {
  const [drop] = dropsSince(line('1700000000.1', { icmpv6: '{}', l3: { src: 'fd00::1', dst: 'fd00::2' } }), new Date(0));
  assert.equal(drop!.protocol, 'ICMPv6');
  assert.ok(!('destinationPort' in drop!));
});

test('a packet of no known protocol is told all the same', () => {
  const [drop] = dropsSince(line('1700000000.1', {}, 'Unsupported L3 protocol'), new Date(0));
  assert.deepEqual([drop!.protocol, drop!.source, drop!.reason], ['other', '', 'Unsupported L3 protocol']);
});

test('what was dropped before is left out, what was dropped at that moment is not', () => {
  assert.equal(dropsSince(tcp, new Date(1_700_000_000_250)).length, 1);
  assert.equal(dropsSince(tcp, new Date(1_700_000_000_251)).length, 0);
});

test("the monitor's own sentences and a line that is still being written are passed over", () => {
  assert.equal(dropsSince(`Listening for events on 2 CPUs\n${tcp}\n${tcp.slice(0, 60)}`, new Date(0)).length, 1);
});
