import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Verdict } from '@cairn/crds';
import { type Driver, createDriver } from '../../testing/session-driver.js';
import { frame } from '../../testing/websocket-frames.js';
import type { Session } from '../protocol.js';
import { MAX_ERROR_CHARS, MAX_STATUS_BYTES } from './limits.js';
import { kubernetesProtocol } from './module.js';
import { Transcript } from './transcript.js';
import { ALLOW, TARGET } from './fixture.js';

const REQUEST =
  'GET /api/v1/namespaces/a/pods/b/exec?command=sh&stdin=true&tty=true HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
  'Sec-WebSocket-Key: a\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: v5.channel.k8s.io\r\n\r\n';
const SWITCHED = (protocol: string): string =>
  `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Protocol: ${protocol}\r\n\r\n`;

interface Exec {
  driver: Driver;
  session: Session;
  typed: (channel: number, text: string) => void;
  came: (channel: number, text: string) => void;
  wait: (milliseconds: number) => void;
}

async function exec(options: { protocol?: string; level?: Verdict['level'] } = {}): Promise<Exec> {
  let now = 5_000;
  const decide = (): Verdict => ({ ...ALLOW, level: options.level ?? 'RequestResponse' });
  const driver = createDriver({ target: TARGET, decide, now: () => now });
  const session = kubernetesProtocol.open(driver.context);
  driver.attach(session);
  session.agentData(Buffer.from(REQUEST));
  await driver.settle();
  session.targetData(Buffer.from(SWITCHED(options.protocol ?? 'v5.channel.k8s.io')));
  driver.takeAgent();
  driver.takeTarget();
  const message = (channel: number, text: string): Buffer => Buffer.concat([Buffer.from([channel]), Buffer.from(text)]);
  return {
    driver,
    session,
    typed: (channel, text) => session.agentData(frame(message(channel, text), { masked: true })),
    came: (channel, text) => session.targetData(frame(message(channel, text), { masked: false })),
    wait: (milliseconds) => (now += milliseconds),
  };
}

const transcript = ({ driver }: Exec): unknown[] =>
  driver.payloads.flatMap(({ bytes }) =>
    bytes
      .toString()
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as unknown),
  );

describe('a remote command', () => {
  it('is written down as a terminal session, and its exit code is the status', async () => {
    const session = await exec();
    session.typed(4, '{"Width":120,"Height":40}');
    session.typed(0, 'ls\r');
    session.wait(1_500);
    session.came(1, 'file\r\n');
    session.came(2, 'oh');
    session.came(3, '{"status":"Failure","details":{"causes":[{"reason":"ExitCode","message":"3"}]}}');
    session.session.closed();
    assert.deepEqual(transcript(session), [
      { version: 3, term: { cols: 80, rows: 24 } },
      [0, 'r', '120x40'],
      [0, 'i', 'ls\r'],
      [1.5, 'o', 'file\r\n'],
      [0, 'e', 'oh'],
      [0, 'x', '3'],
    ]);
    const { intent, completion } = session.driver.exchanges[0]!;
    assert.equal(intent.operation.verb, 'pods/exec');
    assert.deepEqual(intent.operation.parameters!['command'], 'sh');
    assert.equal(completion!.status, '3');
    assert.equal(session.driver.payloads[0]!.type, 'application/x-asciicast; version=3');
  });

  it('passes byte for byte, and its bytes are what was hashed', async () => {
    const session = await exec();
    const bytes = frame('\x01out', { masked: false });
    session.session.targetData(bytes.subarray(0, 3));
    session.session.targetData(bytes.subarray(3));
    assert.deepEqual(session.driver.takeAgent(), bytes);
    session.typed(0, 'in');
    assert.deepEqual(session.driver.takeTarget(), frame('\x00in', { masked: true }));
    session.session.closed();
    const { request, response } = session.driver.exchanges[0]!.completion!;
    assert.deepEqual([request!.size, response!.size], [frame('\x00in', { masked: true }).length, bytes.length]);
  });

  it('that ends well has status 0, and one that could not run says why', async () => {
    const well = await exec();
    well.came(3, '{"status":"Success"}');
    well.session.closed();
    assert.equal(well.driver.exchanges[0]!.completion!.status, '0');
    const failed = await exec();
    failed.came(3, '{"status":"Failure","message":"no such container"}');
    failed.session.closed();
    assert.equal(failed.driver.exchanges[0]!.completion!.error, 'no such container');
    for (const length of [MAX_ERROR_CHARS, MAX_ERROR_CHARS + 1]) {
      const long = await exec();
      long.came(3, JSON.stringify({ status: 'Failure', message: 'x'.repeat(length) }));
      long.session.closed();
      assert.equal(long.driver.exchanges[0]!.completion!.error!.length, MAX_ERROR_CHARS);
    }
  });

  it('keeps only what was typed at level Request, and nothing at Metadata', async () => {
    const typed = await exec({ level: 'Request' });
    typed.typed(0, 'ls');
    typed.came(1, 'secret');
    typed.session.closed();
    assert.deepEqual(transcript(typed).slice(1, 2), [[0, 'i', 'ls']]);
    assert.doesNotMatch(JSON.stringify(transcript(typed)), /secret/);
    const nothing = await exec({ level: 'Metadata' });
    nothing.typed(0, 'ls');
    nothing.session.closed();
    assert.deepEqual(nothing.driver.payloads, []);
  });

  it('ends where its frames are not understood, and nothing of them passes', async () => {
    const session = await exec();
    session.session.agentData(frame('\x00unmasked', { masked: false }));
    assert.equal(session.driver.takeTarget().length, 0);
    assert.match(session.driver.exchanges[0]!.completion!.error!, /streams are malformed: a frame is not masked/);
    assert.deepEqual(session.driver.events.at(-1), 'destroy malformed streams of a remote command');
  });

  it('has a limit for the messages that are read whole', async () => {
    const most = await exec();
    most.came(3, ' '.repeat(MAX_STATUS_BYTES));
    assert.equal(most.driver.exchanges[0]!.completion, undefined);
    const more = await exec();
    more.came(3, ' '.repeat(MAX_STATUS_BYTES + 1));
    assert.match(more.driver.exchanges[0]!.completion!.error!, /a resize is larger than 65536 bytes/);
  });

  it('in another protocol passes as bytes, recorded as bytes', async () => {
    const session = await exec({ protocol: 'v2.base64.channel.k8s.io' });
    session.typed(0, 'ls');
    session.session.closed();
    assert.equal(session.driver.payloads[0]!.type, 'application/octet-stream');
  });
});

describe('a transcript', () => {
  it('holds characters that came in pieces, and bytes that are no text as base64', () => {
    const lines = new Transcript();
    const euro = Buffer.from('€');
    const read = (text: string): unknown => JSON.parse(text.trim().split('\n').at(-1)!);
    assert.deepEqual(read(lines.data('o', Buffer.concat([Buffer.from('a'), euro.subarray(0, 1)]), 0)), [0, 'o', 'a']);
    assert.equal(lines.data('o', euro.subarray(1, 2), 0), '');
    assert.deepEqual(read(lines.data('i', Buffer.from('x'), 0)), [0, 'i', 'x']);
    assert.deepEqual(read(lines.data('o', euro.subarray(2), 250)), [0.25, 'o', '€']);
    assert.deepEqual(read(lines.data('o', Buffer.from([0xff, 0x00]), 250)), [0, 'O', Buffer.from([0xff, 0]).toString('base64')]);
    assert.deepEqual(read(lines.data('o', Buffer.from('b'), 250)), [0, 'o', 'b']);
  });
});
