/** Bytes of a watch -> its lines; resumable at any byte, bounded. */

export class LineTooLong extends Error {
  constructor(readonly limit: number) {
    super(`an event of the watch has more than ${limit} bytes`);
    this.name = 'LineTooLong';
  }
}

const NEWLINE = 0x0a;

export class LineReader {
  readonly #limit: number;
  #parts: Buffer[] = [];
  #bytes = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** The lines that this chunk completes. Throws LineTooLong. */
  push(chunk: Buffer): string[] {
    const lines: string[] = [];
    let from = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
      this.#keep(chunk.subarray(from, end));
      const line = Buffer.concat(this.#parts).toString('utf8');
      if (line !== '') lines.push(line);
      this.#parts = [];
      this.#bytes = 0;
      from = end + 1;
    }
    if (from < chunk.length) this.#keep(chunk.subarray(from));
    return lines;
  }

  #keep(part: Buffer): void {
    this.#bytes += part.length;
    if (this.#bytes > this.#limit) throw new LineTooLong(this.#limit);
    this.#parts.push(part);
  }
}
