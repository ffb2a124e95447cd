/** One agent's connection on its way over a hop: bytes both ways, ended in order, or taken back to be routed anew. */
import type { Connection } from '../capture/outbound.js';
import type { OpenHop } from '../hop/dial.js';
import type { Frame } from '../hop/frame.js';
import { HopWire } from '../hop/wire.js';
import { CUT_TIMEOUT_MS } from '../pump/limits.js';
import { Told } from './told.js';

export interface RelayedBytes {
  sent: { size: number };
  received: { size: number };
}

export class Relayed {
  readonly told: Told;
  readonly #wire: HopWire;
  readonly #bytes: RelayedBytes = { sent: { size: 0 }, received: { size: 0 } };
  /** What the gateway gave back; set once it began to. */
  #back: Buffer[] | undefined;
  /** The gateway sends no more. */
  #ended = false;
  #error: Error | undefined;
  readonly #agent: readonly (readonly [event: string, listener: (chunk: Buffer) => void])[];

  constructor(
    private readonly connection: Connection,
    { socket, head }: OpenHop,
    private readonly done: (error: Error | undefined, bytes: RelayedBytes) => void,
  ) {
    this.#wire = new HopWire(
      socket,
      { frame: (frame) => this.#frame(frame), drain: () => void this.connection.socket.resume(), closed: (error) => this.#closed(error) },
      head,
    );
    this.told = new Told(
      (control) => this.#wire.control(control),
      (error) => this.destroy(error),
    );
    this.#agent = [
      ['data', (chunk: Buffer) => this.#send(chunk)],
      ['end', () => this.#wire.send('end')],
      ['drain', () => this.#wire.resume()],
      ['close', () => this.destroy(undefined)],
    ];
  }

  /** From now on bytes pass. */
  readonly start = (): void => {
    const { socket, initial } = this.connection;
    for (const [event, listener] of this.#agent) socket.on(event, listener);
    socket.on('error', (error) => (this.#error ??= error));
    if (initial && initial.length > 0) this.#send(initial);
    if (socket.destroyed) this.destroy(undefined);
    else socket.resume();
  };

  cut(reason: string): void {
    setTimeout(() => this.destroy(new Error(reason)), 2 * CUT_TIMEOUT_MS).unref();
  }

  destroy(error: Error | undefined): void {
    if (this.#ended && this.connection.socket.readableEnded && !error) this.#wire.end();
    else this.#wire.destroy(error ?? this.#error ?? (this.#ended ? undefined : new Error('the agent went away')));
  }

  #send(chunk: Buffer): void {
    this.#bytes.sent.size += chunk.length;
    if (!this.#wire.send('data', chunk)) this.connection.socket.pause();
  }

  #frame(frame: Frame): void {
    switch (frame.kind) {
      case 'data':
        this.#bytes.received.size += frame.bytes.length;
        if (!this.connection.socket.write(frame.bytes)) this.#wire.pause();
        return;
      case 'back':
        if (!this.#back) this.#takeBack();
        this.#back?.push(frame.bytes);
        return;
      case 'end':
        return this.#gatewayEnded();
      case 'control':
        return this.#wire.destroy(new Error('the gateway sent what only sidecars send'));
      default:
        return frame satisfies never;
    }
  }

  #gatewayEnded(): void {
    this.#ended = true;
    if (this.#back) this.#wire.end();
    else this.connection.socket.end();
  }

  /** The agent is not heard until its connection is routed anew; what is on its way comes back, too. */
  #takeBack(): void {
    this.#back = [];
    const { socket } = this.connection;
    for (const [event, listener] of this.#agent) socket.off(event, listener);
    socket.pause();
    this.#wire.send('end');
  }

  #closed(error: Error | undefined): void {
    const { socket, reroute } = this.connection;
    this.done(error, this.#bytes);
    if (this.#back && this.#ended && reroute && !socket.destroyed) return reroute(socket, Buffer.concat(this.#back));
    if (this.#ended && !error) socket.destroySoon();
    else socket.destroy();
  }
}
