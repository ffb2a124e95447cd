import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { frame } from '../../testing/websocket-frames.js';
import { WebSocketError, WebSocketReader } from './websocket.js';

function messages(reader: WebSocketReader, chunks: readonly Buffer[]): string[] {
  const found: string[] = [];
  let text = '';
  for (const chunk of chunks) {
    for (const { first, last, payload } of reader.read(chunk)) {
      if (first) text = '';
      text += payload.toString('latin1');
      if (last) found.push(text);
    }
  }
  return found;
}

describe('WebSocket frames', () => {
  it('are the same messages wherever they are split, masked or not', () => {
    for (const masked of [true, false]) {
      const bytes = Buffer.concat([
        frame('one', { masked }),
        frame('', { masked, opcode: 9 }),
        frame('tw', { masked, final: false }),
        frame('ping', { masked, opcode: 9 }),
        frame('o', { masked, opcode: 0 }),
        frame('x'.repeat(200), { masked }),
        frame('', { masked }),
      ]);
      for (let split = 0; split <= bytes.length; split++) {
        const found = messages(new WebSocketReader(masked), [bytes.subarray(0, split), bytes.subarray(split)]);
        assert.deepEqual(found, ['one', 'two', 'x'.repeat(200), '']);
      }
    }
  });

  it('hold any payload (property)', () => {
    const payloads = fc.array(fc.uint8Array({ maxLength: 70_000, size: 'large' }), { maxLength: 5 });
    fc.assert(
      fc.property(payloads, fc.integer({ min: 1, max: 5_000 }), (all, step) => {
        const sent = all.map((each) => Buffer.from(each).toString('latin1'));
        const bytes = Buffer.concat(sent.map((each) => frame(each, { masked: true })));
        const chunks = Array.from({ length: Math.ceil(bytes.length / step) }, (_, i) => bytes.subarray(i * step, (i + 1) * step));
        assert.deepEqual(messages(new WebSocketReader(true), chunks), sent);
      }),
      { numRuns: 30 },
    );
  });

  for (const [what, bytes] of [
    ['that is not masked where a client speaks', frame('a', { masked: false })],
    ['with reserved bits', Buffer.from([0xc2, 0x80, 0, 0, 0, 0])],
    ['with an unknown opcode', frame('a', { masked: true, opcode: 3 })],
    ['with an unknown control opcode', frame('a', { masked: true, opcode: 11 })],
    ['that continues nothing', frame('a', { masked: true, opcode: 0 })],
    ['that begins inside another message', Buffer.concat([frame('a', { masked: true, final: false }), frame('b', { masked: true })])],
    ['of control that is split', frame('a', { masked: true, opcode: 9, final: false })],
    ['of control that is too large', frame('a'.repeat(126), { masked: true, opcode: 9 })],
    ['longer than can be counted', Buffer.from([0x82, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0])],
  ] as const) {
    it(`are an error: one ${what}`, () => assert.throws(() => new WebSocketReader(true).read(bytes), WebSocketError));
  }

  it('of control hold 125 bytes', () => {
    assert.deepEqual(messages(new WebSocketReader(true), [frame('a'.repeat(125), { masked: true, opcode: 10 })]), []);
  });
});
