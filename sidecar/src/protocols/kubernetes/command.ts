/** What a remote command's streams carry, whatever they travel in. */
import { MAX_STATUS_BYTES } from './limits.js';
import type { TerminalStream } from './transcript.js';

/** Bytes of one leg, taken apart as they come. */
export interface Direction {
  /** Throws CommandError, WebSocketError or SpdyError; nothing may be read after it. */
  read(chunk: Buffer): void;
}

export interface CommandEvents {
  data: (stream: TerminalStream, bytes: Buffer) => void;
  /** `{"Width":...,"Height":...}` */
  resized: (message: Buffer) => void;
  /** A metav1.Status. */
  exited: (message: Buffer) => void;
}

export class CommandError extends Error {
  override readonly name = 'CommandError';
}

/** A short message that is kept until it is whole. */
export class Collected {
  #parts: Buffer[] = [];
  #size = 0;

  add(bytes: Buffer): void {
    this.#parts.push(bytes);
    this.#size += bytes.length;
    if (this.#size > MAX_STATUS_BYTES) throw new CommandError(`a status or a resize is larger than ${MAX_STATUS_BYTES} bytes`);
  }

  take(): Buffer {
    const whole = Buffer.concat(this.#parts);
    this.#parts = [];
    this.#size = 0;
    return whole;
  }
}
