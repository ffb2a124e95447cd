/** The agent's end of a session at the gateway: a connection made of the frames of a hop. */
import { Duplex } from 'node:stream';
import type { HopWire } from '../hop/wire.js';
import type { ByteSocket } from '../pump/leg.js';

export class HopStream extends Duplex implements ByteSocket {
  #written: ((error?: Error | null) => void) | undefined;
  /** Set once the connection is given back to the sidecar. */
  #back = false;

  constructor(private readonly wire: Pick<HopWire, 'send' | 'pause' | 'resume' | 'end' | 'destroy'>) {
    super({ allowHalfOpen: true, decodeStrings: true });
  }

  /** Bytes of the agent. */
  received(bytes: Buffer): void {
    if (!this.push(bytes)) this.wire.pause();
  }

  receivedEnd(): void {
    this.push(null);
  }

  /** The connection takes more. */
  drained(): void {
    const written = this.#written;
    this.#written = undefined;
    written?.();
  }

  /** The sidecar is to route the connection anew, beginning with these bytes; what it sent meanwhile follows. */
  giveBack(bytes: Buffer): void {
    this.#back = true;
    this.wire.send('back', bytes);
    this.on('data', (chunk: Buffer) => this.wire.send('back', chunk));
    this.on('end', () => this.end());
    this.resume();
  }

  destroySoon(): void {
    if (this.#back) return;
    this.end();
    if (this.writableFinished) this.destroy();
    else this.once('finish', () => this.destroy());
  }

  override _read(): void {
    this.wire.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, written: (error?: Error | null) => void): void {
    if (this.wire.send('data', chunk)) written();
    else this.#written = written;
  }

  override _final(done: (error?: Error | null) => void): void {
    this.wire.send('end');
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    if (this.writableFinished) this.wire.end();
    else this.wire.destroy(error ?? undefined);
    done(error);
  }
}
