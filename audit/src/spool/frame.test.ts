import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { MAX_FRAME_BYTES } from '../limits.js';
import { decodeFrame, encodeFrame, FRAME_HEADER_BYTES, FRAME_KINDS, type FrameKind } from './frame.js';

const kinds = fc.constantFrom<FrameKind>(...Object.values(FRAME_KINDS));
const frames = fc.array(fc.tuple(kinds, fc.uint8Array({ minLength: 1, maxLength: 200 })), { minLength: 1, maxLength: 5 });

test('frames come back as they were, one after the other', () => {
  fc.assert(
    fc.property(frames, (parts) => {
      const bytes = Buffer.concat(parts.map(([kind, payload]) => encodeFrame(kind, payload)));
      let at = 0;
      for (const [kind, payload] of parts) {
        const frame = decodeFrame(bytes, at);
        assert.ok(typeof frame !== 'string');
        assert.deepEqual([frame.kind, [...frame.payload]], [kind, [...payload]]);
        at += frame.size;
      }
      assert.equal(at, bytes.length);
    }),
  );
});

test('a frame that ends early is torn, at whichever byte', () => {
  const bytes = encodeFrame(FRAME_KINDS.events, Buffer.from('{"a":1}'));
  for (let length = 0; length < bytes.length; length++) assert.equal(decodeFrame(bytes.subarray(0, length), 0), 'torn');
});

test('a frame with one changed bit is never read', () => {
  const bytes = encodeFrame(FRAME_KINDS.payload, Buffer.from('12345678'));
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const changed = Buffer.from(bytes);
    changed[bit >> 3]! ^= 1 << (bit & 7);
    assert.equal(typeof decodeFrame(changed, 0), 'string', `bit ${bit}`);
  }
});

test('a length up to the limit is waited for, one more is damage, and so are zeros', () => {
  const header = Buffer.alloc(FRAME_HEADER_BYTES);
  header[8] = FRAME_KINDS.events;
  header.writeUInt32BE(MAX_FRAME_BYTES, 0);
  assert.equal(decodeFrame(header, 0), 'torn');
  header.writeUInt32BE(MAX_FRAME_BYTES + 1, 0);
  assert.equal(decodeFrame(header, 0), 'damaged');
  assert.equal(decodeFrame(Buffer.alloc(64), 0), 'damaged');
});
