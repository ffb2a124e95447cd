/**
 * exec and attach, over WebSocket or SPDY/3.1: bytes pass as they are, and what the streams carry is written down as a terminal
 * session.
 */
import type { BodyCapture } from '../../record/exchange.js';
import type { TunnelSession } from '../http/dialect.js';
import { valuesOf } from '../http/fields.js';
import type { ResponseHead } from '../http/head.js';
import { type OpenExchange, keepsRequest, keepsResponse } from '../http/open-exchange.js';
import type { SessionContext } from '../protocol.js';
import { CommandError, type Direction } from './command.js';
import { MAX_ERROR_CHARS } from './limits.js';
import { SpdyError } from './spdy-headers.js';
import { spdyCommand } from './spdy-streams.js';
import { ASCIICAST, Transcript } from './transcript.js';
import { WebSocketError } from './websocket.js';
import { webSocketCommand } from './websocket-channels.js';

/** By the protocol that both ends agreed on. */
const COMMANDS = {
  websocket: {
    header: 'sec-websocket-protocol',
    versions: new Set(['v4.channel.k8s.io', 'v5.channel.k8s.io']),
    open: webSocketCommand,
  },
  'spdy/3.1': {
    header: 'x-stream-protocol-version',
    versions: new Set(['v4.channel.k8s.io', 'v3.channel.k8s.io', 'v2.channel.k8s.io', 'channel.k8s.io']),
    open: spdyCommand,
  },
} as const;

export type CommandProtocol = (typeof COMMANDS)[keyof typeof COMMANDS]['open'];

/** How a remote command's streams travel behind this 101; undefined where none do. */
export function commandProtocol(head: ResponseHead): CommandProtocol | undefined {
  const upgrade = head.upgrade?.toLowerCase();
  if (upgrade !== 'websocket' && upgrade !== 'spdy/3.1') return undefined;
  const { header, versions, open } = COMMANDS[upgrade];
  const [version, ...others] = valuesOf(head, header);
  return others.length === 0 && versions.has(version ?? '') ? open : undefined;
}

const EMPTY = Buffer.alloc(0);

export class TerminalTunnel implements TunnelSession {
  readonly #request: BodyCapture;
  readonly #response: BodyCapture;
  /** Where what the agent types is kept. */
  readonly #typed: BodyCapture;
  readonly #transcript = new Transcript();
  readonly #agent: Direction;
  readonly #target: Direction;
  #lines = '';
  #ended = { agent: false, target: false };
  #complete = false;

  constructor(
    private readonly context: SessionContext,
    private readonly open: OpenExchange,
    protocol: CommandProtocol,
  ) {
    const { record, target } = context;
    const options = { maxBytes: target.capture.maxBytes, type: ASCIICAST };
    const both = keepsResponse(open.verdict);
    this.#request = open.request = record.body({ ...options, keep: !both && keepsRequest(open.verdict) });
    this.#response = open.response = record.body({ ...options, keep: both });
    this.#typed = both ? this.#response : this.#request;
    const { agent, target: told } = protocol({
      data: (stream, bytes) => this.#say(stream, bytes),
      resized: (message) => this.#resized(message),
      exited: (message) => this.#exited(message),
    });
    this.#agent = agent;
    this.#target = told;
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
  #read(direction: Direction, chunk: Buffer): boolean {
    if (this.#complete) return false;
    try {
      direction.read(chunk);
      return true;
    } catch (error) {
      if (!isMalformed(error)) throw error;
      this.closed(`the remote command's streams are malformed: ${error.message}`);
      this.context.wire.destroy('malformed streams of a remote command');
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

const isMalformed = (error: unknown): error is Error =>
  error instanceof WebSocketError || error instanceof SpdyError || error instanceof CommandError;

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
