/** Says no in the words of the protocol that the first bytes speak: HTTP, PostgreSQL, or a closed connection. */
import type { ByteSocket } from '../pump/leg.js';
import { FAREWELL_TIMEOUT_MS, FIRST_BYTES_TIMEOUT_MS } from './limits.js';

export interface RefusedDestination {
  host: string;
  port: number;
  reason: string;
  event: string;
  /** Default: policy refused it. */
  status?: 'refused' | 'unavailable';
}

const HTTP = { refused: '403 Forbidden', unavailable: '503 Service Unavailable' } as const;
/** SQLSTATE: invalid authorization, and cannot connect now. */
const SQLSTATE = { refused: '28000', unavailable: '57P03' } as const;

const POSTGRES_SSL_REQUEST = 80_877_103;
const POSTGRES_PROTOCOL_3 = 3;

/** Answers and closes. `initial` are bytes that were read already; without them it waits for the first. */
export function refusal(socket: ByteSocket, initial: Buffer | undefined, refused: RefusedDestination): void {
  const answer = (first: Buffer): void => {
    const words = wordsFor(first, refused);
    if (words) farewell(socket, words);
    else socket.destroy();
  };
  if (initial && initial.length > 0) return answer(initial);
  socket.on('error', () => undefined);
  const timer = setTimeout(() => socket.destroy(), FIRST_BYTES_TIMEOUT_MS);
  socket.once('close', () => clearTimeout(timer));
  const unasked = (): void => void socket.destroy();
  socket.once('end', unasked);
  socket.once('data', (first) => {
    socket.off('end', unasked);
    answer(first);
  });
  socket.resume();
}

/** Last words: what still comes is read and dropped, so that the end is seen; who never ends is cut off. */
export function farewell(socket: ByteSocket, words: string | Buffer): void {
  socket.on('error', () => undefined);
  const timer = setTimeout(() => socket.destroy(), FAREWELL_TIMEOUT_MS);
  socket.once('close', () => clearTimeout(timer));
  socket.end(words);
  socket.resume();
}

function wordsFor(first: Buffer, refused: RefusedDestination): Buffer | undefined {
  if (/^[A-Z]{3,10} \S/.test(first.subarray(0, 16).toString('latin1'))) return problem(refused);
  if (first.length >= 8 && isPostgres(first.readUInt32BE(4))) return postgresError(refused);
  return undefined;
}

function isPostgres(code: number): boolean {
  return code === POSTGRES_SSL_REQUEST || code >>> 16 === POSTGRES_PROTOCOL_3;
}

/** RFC 9457. */
export function problem({ host, port, reason, event, status = 'refused' }: RefusedDestination): Buffer {
  const body = JSON.stringify({
    type: `urn:cairn:problem:${status === 'refused' ? 'undeclared' : 'gateway'}`,
    title: `Destination ${status}`,
    status: Number.parseInt(HTTP[status], 10),
    detail: `${host}:${port}: ${reason}`,
    event,
  });
  const head = `HTTP/1.1 ${HTTP[status]}\r\ncontent-type: application/problem+json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n`;
  return Buffer.from(head + body);
}

/** ErrorResponse, as PostgreSQL sends it before authentication. */
function postgresError({ host, port, reason, event, status = 'refused' }: RefusedDestination): Buffer {
  const fields = `SFATAL\0VFATAL\0C${SQLSTATE[status]}\0M${host}:${port}: ${reason}\0Devent ${event}\0\0`;
  const message = Buffer.alloc(5 + Buffer.byteLength(fields));
  message.write('E');
  message.writeUInt32BE(message.length - 1, 1);
  message.write(fields, 5);
  return message;
}
