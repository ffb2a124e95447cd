/** HTTP/1.1 framing: requests and responses, one after another on a connection. */
import { BODY, HEAD, HttpSyntaxError, MessageReader, MORE, RequestHead, ResponseHead, type Framing } from '@cairn/sidecar';
import { same, type FuzzTarget } from './target.js';

interface Read {
  /** Heads, and bodies of the messages that ended. */
  messages: { head: string; body: string; trailers: string | undefined }[];
  /** Body so far of the last message, where it did not end. */
  open: string;
  error: string | undefined;
  raw: Buffer[];
  rest: Buffer[];
  work: number;
}

type Parse = (raw: Buffer) => { text: string; framing: Framing; length: number };

const request: Parse = (raw) => {
  const head = new RequestHead(raw);
  return { text: head.text, framing: head.chunked ? 'chunked' : head.length > 0 ? 'length' : 'none', length: head.length };
};

const response: Parse = (raw) => {
  const head = new ResponseHead(raw);
  const bodiless = head.status < 200 || head.status === 204 || head.status === 304;
  const framing = bodiless ? 'none' : head.chunked ? 'chunked' : head.length >= 0 ? 'length' : 'close';
  return { text: head.text, framing, length: head.length };
};

function readAll(parse: Parse, chunks: readonly Buffer[]): Read {
  const reader = new MessageReader(parse);
  const read: Read = { messages: [], open: '', error: undefined, raw: [], rest: [], work: 0 };
  try {
    for (const chunk of chunks) {
      reader.feed(chunk);
      for (let piece = reader.read(); piece !== MORE; piece = reader.read()) {
        read.raw.push(reader.raw);
        if (piece === HEAD) {
          const { text, framing, length } = reader.head;
          reader.body(framing, length);
          read.messages.push({ head: text, body: '', trailers: undefined });
        }
        if (piece === BODY) for (const part of reader.parts) read.open += part.toString('latin1');
        if (!reader.done) continue;
        Object.assign(read.messages.at(-1)!, { body: read.open, trailers: reader.trailers });
        read.open = '';
      }
    }
    read.rest = reader.rest();
  } catch (error) {
    if (!(error instanceof HttpSyntaxError)) throw error;
    read.error = `${error.status} ${error.code}`;
  }
  read.work = reader.work;
  return read;
}

/** A byte may be copied while a head grows (twice in all), searched again at a seam, and walked as chunk framing. */
const LOOKS_AT_A_BYTE = 8;
const SLACK = 64;

function check(parse: Parse, whole: Buffer, chunks: readonly Buffer[]): void {
  const [once, split] = [readAll(parse, [whole]), readAll(parse, chunks)];
  same('the messages', once.messages, split.messages);
  same('the refusal', once.error, split.error);
  // A refused chunk takes what came before it in the same piece with it.
  if (once.error === undefined) same('the unfinished body', once.open, split.open);
  else if (!split.open.startsWith(once.open)) throw new Error('read in pieces, less of a body was seen before the refusal');
  for (const { work, error, messages, raw, rest } of [once, split]) {
    if (work > LOOKS_AT_A_BYTE * whole.length + SLACK) throw new Error(`${work} steps for ${whole.length} bytes`);
    const cut = messages.some(({ trailers }) => trailers !== undefined);
    if (error === undefined && !cut && !Buffer.concat([...raw, ...rest]).equals(whole)) {
      throw new Error('what was handed on is not what came');
    }
  }
}

const text = (...lines: string[]): Buffer => Buffer.from(lines.join('\r\n'), 'latin1');
const words = (...each: string[]): Buffer[] => each.map((word) => Buffer.from(word, 'latin1'));

const COMMON = ['\r\n', '\r', '\n', '\r\n\r\n', '0\r\n\r\n', ' ', ':', ';a=b', '\0', '\xff', 'Content-Length: 3\r\n'];
const CODING = ['Transfer-Encoding: chunked\r\n', 'transfer-encoding: gzip, chunked\r\n', 'Content-Length: 3, 3\r\n', 'Trailer: X\r\n'];

export const httpRequests: FuzzTarget = {
  name: 'http-requests',
  seeds: [
    text('GET /a?b=c HTTP/1.1', 'Host: h', '', ''),
    text('POST /b HTTP/1.1', 'Host: h:80', 'Content-Length: 5', '', 'hello'),
    text('PUT /c HTTP/1.1', 'host:h', 'Transfer-Encoding:  Chunked ', '', '5;x="y"', 'hello', '1', '!', '0', 'X-Sum: 1', '', ''),
    text('PUT /d HTTP/1.1', 'host:h', 'transfer-encoding: chunked', '', 'a', '0123456789', '0', '', ''),
    text('CONNECT h:443 HTTP/1.1', 'Host: h:443', '', ''),
    text('OPTIONS * HTTP/1.0', 'Connection: close', '', ''),
    text('GET http://[::1]:80/ HTTP/1.1', 'Host: [::1]', 'Cairn-Context: x', 'Expect: 100-continue', 'Upgrade: websocket', '', ''),
    text('GET / HTTP/1.1', 'Host: h', `X: ${'y'.repeat(2000)}`, '', ''),
  ],
  words: words('GET / HTTP/1.1\r\nHost: h\r\n\r\n', 'Host: h\r\n', 'Expect: x\r\n', ...COMMON, ...CODING),
  check: (whole, chunks) => check(request, whole, chunks),
};

export const httpResponses: FuzzTarget = {
  name: 'http-responses',
  seeds: [
    text('HTTP/1.1 200 OK', 'Content-Length: 2', '', 'ok'),
    text('HTTP/1.1 200 OK', 'Transfer-Encoding: chunked', '', '3', 'abc', '0', '', ''),
    text('HTTP/1.1 200 OK', 'Transfer-Encoding: chunked', '', '3;n', 'abc', '0', 'X-A: 1', 'Set-Cookie: a=b', '', ''),
    text('HTTP/1.1 204 No Content', '', ''),
    text('HTTP/1.1 100 Continue', '', 'HTTP/1.1 304', '', ''),
    text('HTTP/1.0 200 OK', 'Content-Type: text/plain', '', 'to the end'),
  ],
  words: words('HTTP/1.1 200 OK\r\n', ...COMMON, ...CODING),
  check: (whole, chunks) => check(response, whole, chunks),
};
