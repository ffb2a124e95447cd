/**
 * Port forwarding: bytes pass and are recorded as they are. kubectl names ports in the headers of its streams alone, so each port is decided
 * and recorded when the first stream opens to it, before anything of that passes. Where the URL names the ports, they were decided with it.
 */
import type { Operation, Verdict } from '@cairn/crds';
import type { Exchange } from '../../record/exchange.js';
import type { TunnelSession } from '../http/dialect.js';
import type { OpenExchange } from '../http/open-exchange.js';
import { Tunnel } from '../http/tunnel.js';
import type { SessionContext } from '../protocol.js';
import type { Direction } from './command.js';
import type { Streams } from './forwarded-streams.js';
import { MAX_FORWARDED_PORTS } from './limits.js';
import { SpdyError } from './spdy-headers.js';
import { WebSocketError } from './websocket.js';

export const isPortForward = ({ verb }: Operation): boolean => verb === 'pods/portforward';

/** What ends a forwarding in which everything was well-formed. */
class PortRefused extends Error {
  override readonly name = 'PortRefused';
}

const FORWARDED = '101';
const REFUSED = '403';

export class PortForwardTunnel implements TunnelSession {
  readonly #tunnel: Tunnel;
  readonly #agent: Direction;
  readonly #ports = new Map<string, Exchange>();
  #over = false;

  constructor(
    private readonly context: SessionContext,
    private readonly open: OpenExchange,
    streams: Streams,
  ) {
    this.#tunnel = new Tunnel(context, open);
    this.#agent = streams((headers) => this.#opened(headers));
  }

  /** What is refused or not understood is not passed on. */
  agentData(chunk: Buffer): void {
    if (this.#over) return;
    try {
      this.#agent.read(chunk);
    } catch (error) {
      return this.#end(reasonOf(error));
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
    if (this.#over) return;
    this.#over = true;
    for (const exchange of this.#ports.values()) exchange.complete({ status: FORWARDED, error });
    this.#tunnel.closed(error);
  }

  #end(reason: string): void {
    this.closed(reason);
    this.context.wire.destroy(reason);
  }

  /** A connection has two streams, one for its data and one for its errors, and both say their port. */
  #opened(headers: ReadonlyMap<string, string>): void {
    const port = headers.get('port');
    if (port === undefined || !/^[1-9]\d{0,4}$/.test(port)) throw new SpdyError('a stream opens that names no port');
    if (this.#ports.has(port)) return;
    if (this.#ports.size >= MAX_FORWARDED_PORTS) throw new SpdyError(`more than ${MAX_FORWARDED_PORTS} ports are forwarded`);
    this.#ports.set(port, this.#forwarded(port));
    this.open.parameters = { ports: [...this.#ports.keys()] };
  }

  /** Records that a port is forwarded. Throws PortRefused where it is not to be, which is recorded too. */
  #forwarded(port: string): Exchange {
    const { operation: session, attribution, head } = this.open;
    const operation = { ...session, parameters: { ...session.parameters, ports: [port] } };
    const { record, decide } = this.context;
    const judged = decide([operation], attribution);
    if (record.refusing && judged.delivery !== 'BestEffort') throw new PortRefused(record.refusing.message);
    const reason = refusal(judged, this.open.verdict);
    const verdict: Verdict = reason === undefined ? judged : { ...judged, action: 'Deny', reason };
    const statement = `${operation.verb} ${operation.resource} ${port}`;
    const exchange = record.intent({ attribution, verdict, operation, statement, traceparent: head.traceparent });
    if (reason === undefined) return exchange;
    exchange.complete({ status: REFUSED, error: reason });
    throw new PortRefused(`port ${port} is refused: ${reason}`);
  }
}

/** Why a port may not be forwarded inside a session that may; undefined where it may. An approval was of the session's own rule. */
function refusal(port: Verdict, session: Verdict): string | undefined {
  if (port.mask.length > 0) return 'a tunnel cannot be masked';
  switch (port.action) {
    case 'Allow':
      return undefined;
    case 'RequireApproval':
      return session.action === 'RequireApproval' && port.rule === session.rule
        ? undefined
        : 'the port needs an approval, which a connection that is open cannot wait for';
    case 'Deny':
      return port.reason ?? `a rule denies it (${port.rule ?? 'default'} of policy ${port.policy})`;
    default:
      return port.action satisfies never;
  }
}

/** Throws what is no fault of the agent's. */
function reasonOf(error: unknown): string {
  if (error instanceof PortRefused) return error.message;
  if (error instanceof SpdyError || error instanceof WebSocketError) return `the forwarded streams are malformed: ${error.message}`;
  throw error;
}
