/** PostgreSQL framing: both directions are the same bytes; some types may pass in pieces. */
import { Framer } from '@cairn/sidecar';
import { same, type FuzzTarget } from './target.js';

/** Above every input, so that only a claimed length can be over it. */
const MAX_WHOLE_BYTES = 32 * 1024;
const STREAMED = new Set([0x44, 0x64]); // DataRow, CopyData
const HEADER_BYTES = 5;

interface Read {
  messages: string[];
  /** Pieces of a message that did not end. */
  open: string;
  malformed: string[];
  atBoundary: boolean;
}

function readAll(chunks: readonly Buffer[], halting: boolean): Read {
  const read: Read = { messages: [], open: '', malformed: [], atBoundary: false };
  const framer: Framer = new Framer(
    {
      streams: (type) => STREAMED.has(type),
      message(type, buffer, start, end) {
        if (buffer[start] !== type) throw new Error('a message was told with another type than its own');
        if (read.open !== '') throw new Error('a message was told inside another');
        read.messages.push(buffer.toString('hex', start, end));
        framer.halted = halting;
      },
      piece(_type, buffer, start, end, first, last) {
        if (first !== (read.open === '')) throw new Error('a piece is told as the first that is not, or the other way round');
        read.open += buffer.toString('hex', start, end);
        if (!last) return;
        read.messages.push(read.open);
        read.open = '';
        framer.halted = halting;
      },
      malformed: (reason) => void read.malformed.push(reason),
    },
    MAX_WHOLE_BYTES,
  );
  for (const chunk of chunks) framer.push(chunk);
  for (let told = -1; framer.halted && told !== read.messages.length;) {
    told = read.messages.length;
    framer.resume();
  }
  read.atBoundary = framer.atBoundary;
  return read;
}

function check(whole: Buffer, chunks: readonly Buffer[]): void {
  const once = readAll([whole], false);
  for (const [how, halting] of [
    ['in pieces', false],
    ['in pieces with a halt after every message', true],
  ] as const) {
    const split = readAll(chunks, halting);
    same(`the messages (${how})`, once.messages, split.messages);
    same(`the refusal (${how})`, once.malformed, split.malformed);
    same(`the unfinished message (${how})`, once.open, split.open);
    if (once.malformed.length === 0) same(`whether a message is open (${how})`, once.atBoundary, split.atBoundary);
  }
  if (once.malformed.length > 1) throw new Error('a stream was refused twice');
  if (!whole.toString('hex').startsWith(once.messages.join('') + once.open)) throw new Error('what was handed on is not what came');
  for (const told of once.messages) {
    const bytes = Buffer.from(told, 'hex');
    if (bytes.length < HEADER_BYTES || bytes.readInt32BE(1) !== bytes.length - 1)
      throw new Error('a message has another length than it says');
  }
}

function message(type: string, ...parts: (string | readonly number[])[]): Buffer {
  const body = Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(`${part}\0`) : Buffer.from(part))));
  const head = Buffer.alloc(HEADER_BYTES);
  head.write(type);
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

const SEEDS = [
  message('Q', 'SELECT 1'),
  message('P', 's1', 'SELECT $1', [0, 1, 0, 0, 0, 23]),
  message('B', '', 's1', [0, 0, 0, 1, 0, 0, 0, 1, 0x37, 0, 0]),
  message('E', '', [0, 0, 0, 0]),
  message('S'),
  message('d', [1, 2, 3, 4, 5, 6, 7, 8]),
  message('c'),
  message('X'),
  message('R', [0, 0, 0, 0]),
  message('T', [0, 1], 'a', [0, 0, 0, 0, 0, 0, 0, 0, 0, 23, 0, 4, 255, 255, 255, 255, 0, 0]),
  message('D', [0, 1, 0, 0, 0, 3, 0x61, 0x62, 0x63]),
  message(
    'D',
    [0, 1, 0, 0, 4, 0],
    Array.from({ length: 1024 }, (_, index) => index & 255),
  ),
  message('C', 'SELECT 1'),
  message('Z', [0x49]),
  message('E', 'SERROR', 'C42601', 'Msyntax error', [0]),
];

export const postgresMessages: FuzzTarget = {
  name: 'postgres-messages',
  seeds: [...SEEDS, Buffer.concat(SEEDS.slice(0, 5)), Buffer.concat(SEEDS.slice(8))],
  words: [Buffer.from([0, 0, 0, 4]), Buffer.from([0, 0, 0, 3]), Buffer.from([0x44, 0x3f, 0xff, 0xff, 0xff]), Buffer.from([0xff]), ...SEEDS],
  check,
};
