/**
 * exec and attach over WebSocket (remotecommand v4.channel.k8s.io, v5.channel.k8s.io): bytes pass as they are, and what the
 * channels carry is written down as a terminal session. The first byte of a message names its channel.
 */
import type { BodyCapture } from '../../record/exchange.js';
import type { TunnelSession } from '../http/dialect.js';
import { type OpenExchange, keepsRequest, keepsResponse } from '../http/open-exchange.js';
import type { SessionContext } from '../protocol.js';
import { MAX_ERROR_CHARS, MAX_STATUS_BYTES } from './limits.js';
import { ASCIICAST, Transcript } from './transcript.js';
import { type MessagePiece, WebSocketError, WebSocketReader } from './websocket.js';

/** Channels (k8s.io/apimachinery/pkg/util/remotecommand). */
const STDIN = 0;
const STDOUT = 1;
const STDERR = 2;
const ERROR = 3;
const RESIZE = 4;

export const TERMINAL_PROTOCOLS: ReadonlySet<string> = new Set(['v4.channel.k8s.io', 'v5.channel.k8s.io']);

const EMPTY = Buffer.alloc(0);

/** Takes messages apart: the channel of the piece at hand, and short messages as a whole. */
class Channels {
  readonly #reader: WebSocketReader;
  #channel: number | undefined;
  #whole: Buffer[] = [];
  #size = 0;

  constructor(
    masked: boolean,
    private readonly data: (channel: number, bytes: Buffer) => void,
    private readonly message: (channel: number, bytes: Buffer) => void,
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
    if (channel === ERROR || channel === RESIZE) this.#collect(channel, bytes, last);
    else if (bytes.length > 0) this.data(channel, bytes);
  }

  #collect(channel: number, bytes: Buffer, last: boolean): void {
    this.#whole.push(bytes);
    this.#size += bytes.length;
    if (this.#size > MAX_STATUS_BYTES) throw new WebSocketError(`a message of channel ${channel} is larger than ${MAX_STATUS_BYTES} bytes`);
    if (!last) return;
    const whole = Buffer.concat(this.#whole);
    this.#whole = [];
    this.#size = 0;
    this.message(channel, whole);
  }
}

export class TerminalTunnel implements TunnelSession {
  readonly #request: BodyCapture;
  readonly #response: BodyCapture;
  /** Where what the agent types is kept. */
  readonly #typed: BodyCapture;
  readonly #transcript = new Transcript();
  readonly #agent: Channels;
  readonly #target: Channels;
  #lines = '';
  #ended = { agent: false, target: false };
  #complete = false;

  constructor(
    private readonly context: SessionContext,
    private readonly open: OpenExchange,
  ) {
    const { record, target } = context;
    const options = { maxBytes: target.capture.maxBytes, type: ASCIICAST };
    const both = keepsResponse(open.verdict);
    this.#request = open.request = record.body({ ...options, keep: !both && keepsRequest(open.verdict) });
    this.#response = open.response = record.body({ ...options, keep: both });
    this.#typed = both ? this.#response : this.#request;
    this.#agent = new Channels(
      true,
      (channel, bytes) => (channel === STDIN ? this.#say('i', bytes) : undefined),
      (channel, bytes) => (channel === RESIZE ? this.#resized(bytes) : undefined),
    );
    this.#target = new Channels(
      false,
      (channel, bytes) => (channel === STDOUT ? this.#say('o', bytes) : channel === STDERR ? this.#say('e', bytes) : undefined),
      (channel, bytes) => (channel === ERROR ? this.#exited(bytes) : undefined),
    );
  }

  agentData(chunk: Buffer): void {
    if (!this.#read(this.#agent, chunk)) return;
    this.#request.addChanged(EMPTY, chunk);
    this.#typed.addChanged(this.#taken(), EMPTY);
    this.context.wire.toTarget(chunk);
  }

  targetData(chunk: Buffer): void {
    if (!this.#read(this.#target, chunk)) return;
    this.#response.addChanged(this.#taken(), chunk);
    this.context.wire.toAgent(chunk);
  }

  agentEnd(): void {
    this.#ended.agent = true;
    this.context.wire.endTarget();
    this.#over();
  }

  targetEnd(): void {
    this.#ended.target = true;
    this.context.wire.endAgent();
    this.#over();
  }

  closed(error?: string): void {
    if (this.#complete) return;
    this.#complete = true;
    this.open.error ??= error;
    this.open.complete();
  }

  #over(): void {
    if (!this.#ended.agent || !this.#ended.target) return;
    this.closed();
    this.context.wire.destroy('done');
  }

  /** What is not understood is not passed on. */
  #read(channels: Channels, chunk: Buffer): boolean {
    if (this.#complete) return false;
    try {
      channels.read(chunk);
      return true;
    } catch (error) {
      if (!(error instanceof WebSocketError)) throw error;
      this.closed(`the WebSocket is malformed: ${error.message}`);
      this.context.wire.destroy('malformed WebSocket');
      return false;
    }
  }

  #taken(): Buffer {
    const lines = this.#lines;
    this.#lines = '';
    return lines === '' ? EMPTY : Buffer.from(lines);
  }

  #say(stream: 'i' | 'o' | 'e', bytes: Buffer): void {
    this.#lines += this.#transcript.data(stream, bytes, this.context.now());
  }

  #resized(bytes: Buffer): void {
    const { Width: width, Height: height } = (parsed(bytes) ?? {}) as { Width?: unknown; Height?: unknown };
    if (Number.isInteger(width) && Number.isInteger(height)) {
      this.#lines += this.#transcript.resized(width as number, height as number, this.context.now());
    }
  }

  #exited(bytes: Buffer): void {
    const status = parsed(bytes);
    if (!status) return;
    const code = exitCode(status);
    if (code === undefined) this.open.error = messageOf(status);
    else this.open.status = code;
    this.#lines += this.#transcript.exited(code ?? '1', this.context.now());
  }
}

function parsed(bytes: Buffer): object | undefined {
  try {
    const value = JSON.parse(bytes.toString()) as unknown;
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

function messageOf(status: object): string {
  const { message } = status as { message?: unknown };
  return typeof message === 'string' ? message.slice(0, MAX_ERROR_CHARS) : 'the command failed';
}

/** A metav1.Status ends the command: its exit code stands as a cause where it is not 0 (v4 and later). */
function exitCode(status: object): string | undefined {
  const { status: outcome, details } = status as { status?: unknown; details?: { causes?: { reason?: unknown; message?: unknown }[] } };
  if (outcome === 'Success') return '0';
  const code = details?.causes?.find?.(({ reason }) => reason === 'ExitCode')?.message;
  return typeof code === 'string' && /^\d{1,5}$/.test(code) ? code : undefined;
}
