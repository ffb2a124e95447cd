/**
 * Port forwarding over SPDY/3.1, as it is or inside a WebSocket: bytes pass and are recorded as they are, and the ports that streams open
 * to are read from them. Over WebSocket's own channels the URL names the ports.
 */
import type { Operation } from '@cairn/crds';
import type { TunnelSession } from '../http/dialect.js';
import { valuesOf } from '../http/fields.js';
import type { ResponseHead } from '../http/head.js';
import type { OpenExchange } from '../http/open-exchange.js';
import { Tunnel } from '../http/tunnel.js';
import type { SessionContext } from '../protocol.js';
import type { Direction } from './command.js';
import { MAX_FORWARDED_PORTS } from './limits.js';
import { SpdyReader } from './spdy.js';
import { SpdyError } from './spdy-headers.js';
import { WebSocketError, WebSocketReader } from './websocket.js';

export const isPortForward = ({ verb }: Operation): boolean => verb === 'pods/portforward';

/** `opened` hears the headers of each stream. */
type Streams = (opened: (headers: ReadonlyMap<string, string>) => void) => Direction;

/** What a WebSocket's subprotocol begins with where SPDY travels in it (k8s.io/apimachinery/pkg/util/portforward). */
const TUNNELLED = /^SPDY\/3\.1\+/i;

/** How streams travel behind this 101; undefined where the URL has named all ports. */
export function forwardedStreams(head: ResponseHead): Streams | undefined {
  const upgrade = head.upgrade?.toLowerCase();
  if (upgrade === 'spdy/3.1') return spdyStreams;
  const tunnelled = upgrade === 'websocket' && valuesOf(head, 'sec-websocket-protocol').some((each) => TUNNELLED.test(each));
  return tunnelled ? tunnelledStreams : undefined;
}

const spdyStreams: Streams = (opened) => {
  const reader = new SpdyReader();
  return {
    read(chunk) {
      for (const piece of reader.read(chunk)) if (piece.kind === 'opened') opened(piece.headers);
    },
  };
};

const tunnelledStreams: Streams = (opened) => {
  const [messages, streams] = [new WebSocketReader(true), spdyStreams(opened)];
  return {
    read(chunk) {
      for (const { payload } of messages.read(chunk)) streams.read(payload);
    },
  };
};

export class PortForwardTunnel implements TunnelSession {
  readonly #tunnel: Tunnel;
  readonly #agent: Direction;
  readonly #ports = new Set<string>();
  #over = false;

  constructor(
    private readonly context: SessionContext,
    private readonly open: OpenExchange,
    streams: Streams,
  ) {
    this.#tunnel = new Tunnel(context, open);
    this.#agent = streams((headers) => this.#opened(headers));
  }

  /** What is not understood is not passed on. */
  agentData(chunk: Buffer): void {
    if (this.#over) return;
    try {
      this.#agent.read(chunk);
    } catch (error) {
      if (!(error instanceof SpdyError || error instanceof WebSocketError)) throw error;
      this.closed(`the forwarded streams are malformed: ${error.message}`);
      this.context.wire.destroy('malformed streams of a port forwarding');
      return;
    }
    this.#tunnel.agentData(chunk);
  }

  targetData(chunk: Buffer): void {
    if (!this.#over) this.#tunnel.targetData(chunk);
  }

  agentEnd(): void {
    this.#tunnel.agentEnd();
  }

  targetEnd(): void {
    this.#tunnel.targetEnd();
  }

  closed(error?: string): void {
    this.#over = true;
    this.#tunnel.closed(error);
  }

  /** A connection has two streams, one for its data and one for its errors, and both say their port. */
  #opened(headers: ReadonlyMap<string, string>): void {
    const port = headers.get('port');
    if (port === undefined || !/^[1-9]\d{0,4}$/.test(port)) throw new SpdyError('a stream opens that names no port');
    this.#ports.add(port);
    if (this.#ports.size > MAX_FORWARDED_PORTS) throw new SpdyError(`more than ${MAX_FORWARDED_PORTS} ports are forwarded`);
    this.open.parameters = { ports: [...this.#ports] };
  }
}
