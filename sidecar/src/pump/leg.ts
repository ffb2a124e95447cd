/** One side of a session: a socket, what is queued for it in this turn, and why it is not being read. */
import type { Duplex } from 'node:stream';
import { HIGH_WATER_BYTES } from './limits.js';

/** A connection, or what stands for one: an agent's bytes may come over a hop. */
export interface ByteSocket extends Duplex {
  /** Ends, and goes once everything is written. */
  destroySoon(): void;
}

export interface LegEvents {
  data(chunk: Buffer): void;
  /** The peer will send no more. */
  end(): void;
  /** The socket is gone, after an error or not. */
  close(error: Error | undefined): void;
  /** Whether the peer takes more: false once too much is queued. */
  writable(ready: boolean): void;
}

export class Leg {
  #queue: Uint8Array[] = [];
  #ending = false;
  #held = false;
  #blocked = false;
  #error: Error | undefined;
  readonly #listeners: readonly (readonly [string, (chunk: Buffer) => void])[];

  constructor(
    public socket: ByteSocket,
    private readonly events: LegEvents,
  ) {
    this.#listeners = [
      ['data', (chunk: Buffer) => events.data(chunk)],
      ['end', () => events.end()],
      ['drain', () => events.writable(true)],
      ['close', () => events.close(this.#error)],
    ];
    socket.on('error', (error) => (this.#error = error));
    this.#listen();
    this.#flow();
  }

  get queued(): boolean {
    return this.#queue.length > 0 || this.#ending;
  }

  /** Queued until send(). */
  push(bytes: Uint8Array): void {
    if (bytes.length > 0) this.#queue.push(bytes);
  }

  /** Half-close once what is queued was sent. */
  end(): void {
    this.#ending = true;
  }

  drop(): void {
    this.#queue = [];
  }

  send(): void {
    const queue = this.#queue;
    if (queue.length === 1) {
      this.#queue = [];
      this.socket.write(queue[0]!);
    } else if (queue.length > 1) {
      this.#queue = [];
      this.socket.cork();
      for (const bytes of queue) this.socket.write(bytes);
      this.socket.uncork();
    }
    if (this.#ending && !this.socket.writableEnded) this.socket.end();
    else if (this.socket.writableLength > HIGH_WATER_BYTES) this.events.writable(false);
  }

  /** Stops reading for the session's sake. */
  hold(held: boolean): void {
    this.#held = held;
    this.#flow();
  }

  /** Stops reading because the other leg is full. */
  block(blocked: boolean): void {
    if (blocked === this.#blocked) return;
    this.#blocked = blocked;
    this.#flow();
  }

  #flow(): void {
    if (this.#held || this.#blocked) this.socket.pause();
    else this.socket.resume();
  }

  /**
   * Lets go of the socket, which someone else (a TLS layer) reads from now on. Listeners are taken off one by one:
   * removeAllListeners() leaves a readable believing that it has a data listener, and a TLS layer then never sees unshifted bytes.
   */
  detach(): ByteSocket {
    const socket = this.socket;
    for (const [name, listener] of this.#listeners) socket.off(name, listener);
    return socket;
  }

  /** Goes on with another socket on top of the former one. */
  attach(socket: ByteSocket): void {
    this.socket = socket;
    socket.on('error', (error) => (this.#error = error));
    this.#listen();
    this.#flow();
  }

  #listen(): void {
    for (const [name, listener] of this.#listeners) this.socket.on(name, listener);
  }
}
