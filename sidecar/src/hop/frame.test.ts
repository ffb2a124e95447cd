import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { controlBytes, readControl, type Control } from './control.js';
import { framed, FrameReader, HopError } from './frame.js';
import { MAX_CONTROL_BYTES, MAX_FRAME_BYTES } from './limits.js';

const bytesOf = (...parts: Parameters<typeof framed>[]): Buffer => Buffer.concat(parts.flatMap((part) => framed(...part)));

/** Kinds with their payloads put together, as any split of the bytes must give them. */
function read(...chunks: Buffer[]): string[] {
  const reader = new FrameReader();
  const found: string[] = [];
  for (const chunk of chunks) {
    reader.push(chunk);
    for (let frame = reader.next(); frame; frame = reader.next()) {
      const text = 'text' in frame ? frame.text : 'bytes' in frame ? frame.bytes.toString() : '';
      const last = found.length - 1;
      if ('bytes' in frame && found[last]?.startsWith(`${frame.kind} `)) found[last] += text;
      else found.push(`${frame.kind} ${text}`);
    }
  }
  return found;
}

const SOME = bytesOf(['control', Buffer.from('{"type":"close"}')], ['data', Buffer.from('hello')], ['end'], ['back', Buffer.from('again')]);

test('frames are read as they were written, however their bytes are split', () => {
  const expected = ['control {"type":"close"}', 'data hello', 'end ', 'back again'];
  for (let at = 0; at <= SOME.length; at++) assert.deepEqual(read(SOME.subarray(0, at), SOME.subarray(at)), expected, `split at ${at}`);
  assert.deepEqual(read(...Array.from(SOME, (byte) => Buffer.of(byte))), expected);
});

test('data over a frame’s limit takes several frames; a control message may not', () => {
  const at = Buffer.alloc(MAX_FRAME_BYTES, 'x');
  const over = Buffer.alloc(MAX_FRAME_BYTES + 1, 'x');
  assert.equal(framed('data', at).length, 2);
  assert.equal(framed('data', over).length, 4);
  assert.deepEqual(read(bytesOf(['data', over])), [`data ${over.toString()}`]);
  assert.equal(framed('control', Buffer.alloc(MAX_CONTROL_BYTES)).length, 2);
  assert.throws(() => framed('control', Buffer.alloc(MAX_CONTROL_BYTES + 1)), HopError);
});

function head(kind: number, length: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(length);
  bytes[0] = kind;
  return bytes;
}

describe('a frame that no end of ours sends is refused', () => {
  for (const [what, bytes, says] of [
    ['an unknown kind', head(4, 0), /unknown kind 4/],
    ['data over the limit', head(0, MAX_FRAME_BYTES + 1), /frame data of 262145 bytes, over the limit of 262144/],
    ['an end with a payload', head(1, 1), /frame end of 1 bytes, over the limit of 0/],
    ['a control message over the limit', head(2, MAX_CONTROL_BYTES + 1), /frame control of 65537 bytes/],
  ] as const) {
    test(what, () => assert.throws(() => read(bytes), { name: 'HopError', message: says }));
  }
  test('those at the limit pass', () => {
    for (const [kind, limit] of [
      [0, MAX_FRAME_BYTES],
      [1, 0],
      [2, MAX_CONTROL_BYTES],
      [3, MAX_FRAME_BYTES],
    ] as const)
      read(head(kind, limit));
  });
});

describe('a control message', () => {
  const messages: Control[] = [
    { type: 'launch', number: 0, token: 'a.b.c' },
    { type: 'own', launch: null },
    { type: 'open', handle: 'h', launch: 1, traceparent: null, cause: 'c' },
    { type: 'close', handle: 'h' },
    { type: 'leaf', name: 'n', certificate: 'c', key: 'k' },
    { type: 'start', serves: true, sessionToken: 's', apiToken: null, cause: 'c' },
  ];
  for (const message of messages) {
    test(`${message.type} is read as it was written`, () => assert.deepEqual(readControl(controlBytes(message).toString()), message));
  }
  for (const [what, text] of [
    ['no JSON', '{'],
    ['nothing', 'null'],
    ['a type of nobody’s', '{"type":"toString"}'],
    ['a member that lacks', '{"type":"close"}'],
    ['a negative number', '{"type":"launch","number":-1,"token":"t"}'],
    ['an empty text', '{"type":"close","handle":""}'],
    ['text where a number belongs', '{"type":"own","launch":"0"}'],
  ] as const) {
    test(`with ${what} is refused, and not repeated`, () => {
      assert.throws(
        () => readControl(text),
        (error: Error) => error instanceof HopError && !error.message.includes(text),
      );
    });
  }
});
