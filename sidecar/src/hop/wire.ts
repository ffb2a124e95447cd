/** One end of a hop over its TLS connection: frames out, frames in one after another, with back-pressure in both directions. */
import type { Duplex } from 'node:stream';
import { controlBytes, type Control } from './control.js';
import { framed, FrameReader, type Frame } from './frame.js';

export interface WireEvents {
  /** The next frame waits until it resolves. */
  frame(frame: Frame): void | Promise<void>;
  /** The connection takes more again. */
  drain(): void;
  /** Once: the connection is gone; `error` where it was not ended in order. */
  closed(error: Error | undefined): void;
}

export class HopWire {
  readonly #reader = new FrameReader();
  #paused = false;
  #busy = false;
  #closed = false;
  #error: Error | undefined;
  /** Whether the other end said that no more data comes. */
  #ended = false;

  constructor(
    private readonly socket: Duplex,
    private readonly events: WireEvents,
    head: Buffer,
  ) {
    this.#reader.push(head);
    socket.on('data', (chunk: Buffer) => {
      this.#reader.push(chunk);
      void this.#run();
    });
    socket.on('drain', () => events.drain());
    socket.on('error', (error) => (this.#error ??= error));
    // After the last frame: an end without one is a connection that broke.
    socket.on('end', () => void (this.#ended || this.destroy(new Error('the connection ended in the middle'))));
    socket.on('close', () => this.#close());
    setImmediate(() => void this.#run());
  }

  /** Whether the connection takes more; what was given is sent either way. */
  send(kind: Frame['kind'], payload?: Uint8Array): boolean {
    if (this.socket.destroyed || this.socket.writableEnded) return true;
    this.socket.cork();
    for (const part of framed(kind, payload)) this.socket.write(part);
    this.socket.uncork();
    return !this.socket.writableNeedDrain;
  }

  control(control: Control): void {
    this.send('control', controlBytes(control));
  }

  /** No more is read, and what was read waits. */
  pause(): void {
    this.#paused = true;
    this.socket.pause();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#flow();
    void this.#run();
  }

  /** After what was sent. */
  end(): void {
    if (!this.socket.writableEnded) this.socket.end();
  }

  destroy(error?: Error): void {
    this.#error ??= error;
    this.socket.destroy();
  }

  #flow(): void {
    if (this.#paused || this.#busy) this.socket.pause();
    else this.socket.resume();
  }

  async #run(): Promise<void> {
    if (this.#busy) return;
    try {
      while (!this.#paused && !this.#closed) {
        const frame = this.#reader.next();
        if (!frame) break;
        if (frame.kind === 'end') this.#ended = true;
        const done = this.events.frame(frame);
        if (!done) continue;
        this.#busy = true;
        this.#flow();
        await done;
        this.#busy = false;
      }
      if (!this.#closed) this.#flow();
    } catch (error) {
      this.#busy = false;
      this.destroy(error as Error);
    }
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.events.closed(this.#error);
  }
}
