/**
 * A terminal session as asciicast v3 lines (https://docs.asciinema.org/manual/asciicast/v3/): `[interval, code, data]`, interval in
 * seconds since the line before. Codes of the format: i (stdin), o (stdout), r (size), x (exit status); ours, which players pass
 * over: e (stderr), and I, O, E for bytes that are no UTF-8, as base64. Pure; the caller has the clock.
 */
import { isUtf8 } from 'node:buffer';

export const ASCIICAST = 'application/x-asciicast; version=3';

export type TerminalStream = 'i' | 'o' | 'e';

const EMPTY = Buffer.alloc(0);

export class Transcript {
  #last: number | undefined;
  /** Bytes of a character whose rest has not come, by stream. */
  readonly #open: Record<TerminalStream, Buffer> = { i: EMPTY, o: EMPTY, e: EMPTY };

  /** Bytes of a stream at `now` (milliseconds). */
  data(stream: TerminalStream, bytes: Buffer, now: number): string {
    const open = this.#open[stream];
    const all = open.length > 0 ? Buffer.concat([open, bytes]) : bytes;
    const whole = all.subarray(0, all.length - unfinished(all));
    const isText = isUtf8(whole);
    this.#open[stream] = isText ? Buffer.from(all.subarray(whole.length)) : EMPTY;
    if (!isText) return this.#line(stream.toUpperCase(), all.toString('base64'), now);
    return whole.length > 0 ? this.#line(stream, whole.toString(), now) : '';
  }

  resized(columns: number, rows: number, now: number): string {
    return this.#line('r', `${columns}x${rows}`, now);
  }

  exited(status: string, now: number): string {
    return this.#line('x', status, now);
  }

  #line(code: string, data: string, now: number): string {
    const header = this.#last === undefined ? `${JSON.stringify({ version: 3, term: { cols: 80, rows: 24 } })}\n` : '';
    const interval = Math.max(0, now - (this.#last ?? now)) / 1000;
    this.#last = now;
    return `${header}${JSON.stringify([Math.round(interval * 1e6) / 1e6, code, data])}\n`;
  }
}

/** How many bytes at the end begin a character that they do not end (RFC 3629 3). */
function unfinished(bytes: Buffer): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back]!;
    if ((byte & 0xc0) === 0x80) continue;
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return length > back ? back : 0;
  }
  return 0;
}
