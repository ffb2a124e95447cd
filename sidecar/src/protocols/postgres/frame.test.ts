import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { array, assert as hold, constantFrom, integer, property, tuple, uint8Array } from 'fast-check';
import { Framer } from './frame.js';
import { MAX_MESSAGE_BYTES } from './limits.js';

interface Seen {
  messages: string[];
  problems: string[];
  framer: Framer;
}

function framer(streamed: number[] = [], maxWhole = 1_000, halting = false): Seen {
  const seen: Seen = { messages: [], problems: [], framer: undefined as unknown as Framer };
  let open = '';
  const add = (bytes: Buffer): void => void seen.messages.push(bytes.toString('hex'));
  seen.framer = new Framer(
    {
      streams: (type) => streamed.includes(type),
      message: (_type, buffer, start, end) => {
        add(buffer.subarray(start, end));
        if (halting) seen.framer.halted = true;
      },
      piece: (_type, buffer, start, end, first, last) => {
        assert.equal(first, open === '');
        open += buffer.toString('hex', start, end);
        if (last) {
          seen.messages.push(open);
          open = '';
        }
      },
      malformed: (reason) => void seen.problems.push(reason),
    },
    maxWhole,
  );
  return seen;
}

function frame(type: number, body: Uint8Array): Buffer {
  const head = Buffer.from([type, 0, 0, 0, 0]);
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

const message = tuple(constantFrom(0x44, 0x64, 0x51, 0x5a), uint8Array({ maxLength: 40 })).map(([type, body]) => frame(type, body));
const stream = tuple(array(message, { maxLength: 8 }), array(integer({ min: 1, max: 30 }), { maxLength: 60 }));

function chunks(bytes: Buffer, sizes: number[]): Buffer[] {
  const parts: Buffer[] = [];
  let at = 0;
  for (const size of sizes) {
    parts.push(Buffer.from(bytes.subarray(at, at + size)));
    at += size;
  }
  return [...parts, Buffer.from(bytes.subarray(at))].filter((part) => part.length > 0);
}

describe('framing', () => {
  for (const streamed of [[], [0x44], [0x44, 0x64]]) {
    it(`tells the same messages for every split (${streamed.length} types streamed)`, () => {
      hold(
        property(stream, ([messages, sizes]) => {
          const seen = framer(streamed);
          for (const chunk of chunks(Buffer.concat(messages), sizes)) seen.framer.push(chunk);
          assert.deepEqual(
            seen.messages,
            messages.map((each) => each.toString('hex')),
          );
          assert.ok(seen.framer.atBoundary);
        }),
        { numRuns: 500 },
      );
    });
  }

  it('loses nothing when it is halted after every message', () => {
    hold(
      property(stream, ([messages, sizes]) => {
        const seen = framer([], 1_000, true);
        for (const chunk of chunks(Buffer.concat(messages), sizes)) seen.framer.push(chunk);
        for (const _ of messages) seen.framer.resume();
        assert.deepEqual(
          seen.messages,
          messages.map((each) => each.toString('hex')),
        );
      }),
    );
  });

  it('hands a whole message on as a view of the chunk that it came in', () => {
    const chunk = Buffer.concat([frame(0x51, Buffer.from('a')), frame(0x51, Buffer.from('b'))]);
    const same: boolean[] = [];
    const sink = {
      streams: () => false,
      piece: () => {},
      malformed: () => {},
      message: (_: number, buffer: Buffer) => void same.push(buffer === chunk),
    };
    new Framer(sink, 100).push(chunk);
    assert.deepEqual(same, [true, true]);
  });

  it('takes a message at the limit and refuses one byte more, whether split or not', () => {
    const at = frame(0x51, Buffer.alloc(95));
    const beyond = frame(0x51, Buffer.alloc(96));
    for (const split of [3, 5, 50]) {
      const fits = framer([], 100);
      for (const part of chunks(at, [split])) fits.framer.push(part);
      assert.equal(fits.messages.length, 1);
      const refused = framer([], 100);
      for (const part of chunks(beyond, [split])) refused.framer.push(part);
      assert.equal(refused.messages.length, 0);
      assert.match(refused.problems.join(), /101 bytes; at most 100/);
    }
  });

  it('refuses absurd lengths once, and reads nothing after them', () => {
    for (const [length, words] of [
      [3, /below 4/],
      [-1, /below 4/],
      [MAX_MESSAGE_BYTES, /claims/],
    ] as const) {
      const head = Buffer.from([0x44, 0, 0, 0, 0, 9, 9]);
      head.writeInt32BE(length, 1);
      const seen = framer([0x44]);
      seen.framer.push(head);
      seen.framer.push(frame(0x51, Buffer.alloc(1)));
      assert.equal(seen.problems.length, 1);
      assert.match(seen.problems[0]!, words);
      assert.deepEqual(seen.messages, []);
    }
  });
});
