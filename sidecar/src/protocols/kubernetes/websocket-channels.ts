/** A remote command's channels over WebSocket (v4.channel.k8s.io, v5.channel.k8s.io): the first byte of a message names its channel. */
import { type CommandEvents, type Direction, Collected } from './command.js';
import { type MessagePiece, WebSocketReader } from './websocket.js';

/** Channels (k8s.io/apimachinery/pkg/util/remotecommand). */
const STDIN = 0;
const STDOUT = 1;
const STDERR = 2;
const ERROR = 3;
const RESIZE = 4;

class Channels implements Direction {
  readonly #reader: WebSocketReader;
  #channel: number | undefined;
  readonly #whole = new Collected();

  constructor(
    masked: boolean,
    private readonly data: (channel: number, bytes: Buffer) => void,
    /** The channel whose messages are read as a whole. */
    private readonly told: number,
    private readonly message: (bytes: Buffer) => void,
  ) {
    this.#reader = new WebSocketReader(masked);
  }

  read(chunk: Buffer): void {
    for (const piece of this.#reader.read(chunk)) this.#piece(piece);
  }

  #piece({ first, last, payload }: MessagePiece): void {
    if (first) this.#channel = undefined;
    let bytes = payload;
    if (this.#channel === undefined && bytes.length > 0) {
      this.#channel = bytes[0]!;
      bytes = bytes.subarray(1);
    }
    const channel = this.#channel;
    if (channel === undefined) return;
    if (channel !== this.told) {
      if (bytes.length > 0) this.data(channel, bytes);
      return;
    }
    this.#whole.add(bytes);
    if (last) this.message(this.#whole.take());
  }
}

export function webSocketCommand({ data, resized, exited }: CommandEvents): { agent: Direction; target: Direction } {
  return {
    agent: new Channels(true, (channel, bytes) => (channel === STDIN ? data('i', bytes) : undefined), RESIZE, resized),
    target: new Channels(
      false,
      (channel, bytes) => (channel === STDOUT ? data('o', bytes) : channel === STDERR ? data('e', bytes) : undefined),
      ERROR,
      exited,
    ),
  };
}
