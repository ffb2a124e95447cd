/** Opens a protocol session for a connection whose destination is known; refuses what no policy declares. */
import { Socket } from 'node:net';
import type { Target, Verdict } from '@cairn/crds';
import { uuidv7 } from '@cairn/identity';
import type { Attribution } from '../attribute/attribution.js';
import type { Contexts } from '../attribute/contexts.js';
import { ServedLaunches } from '../attribute/served.js';
import type { Log } from '../config/log.js';
import type { PolicyInForce } from '../control/bundles.js';
import type { ApprovalClient } from '../control/operator-client.js';
import type { Standing } from '../control/standing.js';
import type { TargetCredential } from '../credentials/credential.js';
import { decide } from '../decide/decide.js';
import { approvalGuard } from '../guard/approvals.js';
import type { ByteSocket } from '../pump/leg.js';
import { livePumps, Pump, type PumpServices } from '../pump/pump.js';
import { MAX_CONNECTIONS } from '../pump/limits.js';
import type { Session, SessionContext, Wire } from '../protocols/protocol.js';
import { openOpaqueSession } from '../protocols/opaque/session.js';
import { protocolModule } from '../protocols/registry.js';
import { recorderFor } from '../record/best-effort.js';
import type { SessionRecorder } from '../record/exchange.js';
import { sessionRecorder, type RecorderServices } from '../record/recorder.js';
import type { EvidenceRing } from '../record/ring.js';
import { routeTo, type Route } from '../route/routes.js';
import { undeclaredTarget } from '../route/undeclared.js';
import { refusal } from './refusal.js';

export interface OutboundServices {
  pump: PumpServices;
  recorder: RecorderServices;
  ring: EvidenceRing;
  contexts: Pick<Contexts, 'attribute'>;
  credentials: { of(target: Target): TargetCredential };
  isSessionToken: (bearer: string) => boolean;
  operator: ApprovalClient;
  standing: Standing;
  holdSeconds: number;
  /** Signs references to launches; undefined where the pod serves no requests. */
  refer: ((launch: string) => string) | undefined;
  inForce: () => PolicyInForce;
  log: Log;
}

/** Where captured connections go: to their targets, or to the gateway. */
export interface Departure {
  open(connection: Connection): void;
  passes(host: string, port: number): boolean;
}

export interface Connection {
  socket: ByteSocket;
  /** Name or address, as the agent (or the kernel) gave it. */
  host: string;
  port: number;
  initial?: Buffer | undefined;
  reroute?: ((socket: ByteSocket, bytes: Buffer) => void) | undefined;
}

/** A session that is open, as far as it takes to end it. */
interface OpenSession {
  id: string;
  route: Route;
  served: ServedLaunches;
  record: SessionRecorder;
  pump?: Pump;
}

export class Outbound implements Departure {
  readonly #open = new Set<OpenSession>();

  constructor(private readonly services: OutboundServices) {}

  /** Ends every session that acted for a launch that no longer stands, and records that it did. */
  cut(): void {
    const { standing } = this.services;
    for (const session of [...this.#open]) {
      const reason = standing.problem ?? session.served.refusal((identity) => standing.refusal(identity));
      if (reason !== undefined) this.#cut(session, reason);
    }
  }

  /** Ends every session. */
  cutAll(reason: string): void {
    for (const session of [...this.#open]) this.#cut(session, reason);
  }

  /** Sessions that are open. */
  get size(): number {
    return this.#open.size;
  }

  #cut(session: OpenSession, reason: string): void {
    this.#recordCut(session, reason);
    session.pump?.cut(reason);
    this.services.log.warn('session cut', { session: session.id, target: session.route.target.name, reason });
  }

  #recordCut({ route, served, record }: OpenSession, reason: string): void {
    if (record.refusing) return;
    const exchange = record.intent({
      attribution: served.latest ?? this.services.contexts.attribute({}),
      verdict: this.#denial(reason),
      operation: { verb: 'DISCONNECT', resource: `${route.host}:${route.port}`, effect: 'write' },
    });
    exchange.complete({ status: 'revoked', error: reason });
  }

  /** What revocation says of an exchange, before any policy. */
  #revoked({ identity, among }: Attribution): Verdict | undefined {
    const { standing } = this.services;
    if (standing.last === 0) return undefined;
    let reason = standing.problem ?? (identity && standing.refusal(identity));
    for (const each of among ?? []) reason ??= standing.refusal(each);
    return reason === undefined ? undefined : this.#denial(reason);
  }

  #denial(reason: string): Verdict {
    return { action: 'Deny', policy: this.services.inForce().policy.name, reason, level: 'Metadata', delivery: 'Durable', mask: [] };
  }

  #routeOf(host: string, port: number): Route | undefined {
    const { policy, addresses } = this.services.inForce();
    return routeTo(policy, addresses, host, port);
  }

  passes(host: string, port: number): boolean {
    return this.#routeOf(host, port) !== undefined || this.services.inForce().policy.undeclared.action === 'Allow';
  }

  open(connection: Connection): void {
    if (livePumps.size >= MAX_CONNECTIONS) {
      this.services.log.warn('connection refused', { reason: `${MAX_CONNECTIONS} connections are open` });
      connection.socket.destroy();
      return;
    }
    const revoked = this.#revoked(this.services.contexts.attribute({}));
    if (revoked) return this.refuse(connection, revoked);
    const route = this.#routeOf(connection.host, connection.port);
    if (route) this.#start(connection, route, (context) => protocolModule(route.target.protocol).open(context), route.target.protocol);
    else this.#undeclared(connection);
  }

  #undeclared(connection: Connection): void {
    const { policy } = this.services.inForce();
    const verdict = policy.undeclared;
    const route: Route = { target: undeclaredTarget(connection.host, connection.port), host: connection.host, port: connection.port };
    if (verdict.action === 'Allow') {
      this.#start(connection, route, (context) => openOpaqueSession(context, verdict), 'tcp');
      return;
    }
    this.refuse(connection, verdict);
  }

  /** Records the attempt and answers in the words of whatever protocol the first bytes speak. */
  refuse(connection: Connection, verdict: Verdict): void {
    const { services } = this;
    const { socket, host, port, initial } = connection;
    const target = { name: 'undeclared', host, port };
    const recorder = sessionRecorder(services.recorder, { id: uuidv7(), direction: 'outbound', protocol: 'tcp', target });
    const exchange = recorder.intent({
      attribution: services.contexts.attribute({}),
      verdict,
      operation: { verb: 'CONNECT', resource: `${host}:${port}`, effect: 'write' },
    });
    exchange.complete({ status: 'refused', error: verdict.reason });
    services.log.info('destination refused', { host, port, event: exchange.id });
    refusal(socket, initial, { host, port, reason: verdict.reason ?? 'no target of the policy declares it', event: exchange.id });
  }

  /** Records a connection that went past the sidecar. Returns the event's id. */
  bypassed({ host, port }: { host: string; port: number }): string {
    const { services } = this;
    const facts = { id: uuidv7(), direction: 'outbound', protocol: 'tcp', target: { name: 'uncaptured', host, port } } as const;
    const exchange = sessionRecorder(services.recorder, facts).intent({
      attribution: services.contexts.attribute({}),
      verdict: { ...this.#denial('it went past the sidecar: the capture rules of this pod do not hold'), action: 'Allow' },
      operation: { verb: 'CONNECT', resource: `${host}:${port}`, effect: 'write' },
    });
    exchange.complete({ status: 'uncaptured' });
    return exchange.id;
  }

  #start(connection: Connection, route: Route, openSession: (context: SessionContext) => Session, protocol: string): void {
    const { services } = this;
    const id = uuidv7();
    const { socket, initial, reroute } = connection;
    const { target, host, port } = route;
    const facts = { id, direction: 'outbound', protocol, target: { name: target.name, host, port } } as const;
    const session: OpenSession = {
      id,
      route,
      served: new ServedLaunches(),
      record: recorderFor(services.recorder, services.ring, facts, services.inForce().policy),
    };
    const aside = (bytes: Buffer): void => this.#start({ socket: nobody(), host, port, initial: bytes }, route, openSession, protocol);
    const open = (wire: Wire): Session => openSession(this.#context(session, wire, aside));
    this.#open.add(session);
    const closed = (): void => void this.#open.delete(session);
    try {
      const indifferent = (): boolean => session.record.indifferent === true;
      session.pump = new Pump(services.pump, { socket, initial, target, host, port, open, reroute, closed, indifferent });
    } catch (error) {
      closed();
      services.log.error('session not started', { session: id, reason: (error as Error).message });
      socket.destroy();
    }
  }

  #context({ id, route, served, record }: OpenSession, wire: Wire, aside: (initial: Buffer) => void): SessionContext {
    const { services } = this;
    const { target, host, port } = route;
    const { agent } = services.recorder;
    const actorAgent = { name: agent.name, namespace: agent.namespace };
    return {
      id,
      target,
      host,
      port,
      policy: () => services.inForce().policy,
      wire,
      credential: () => services.credentials.of(target),
      isSessionToken: services.isSessionToken,
      now: services.recorder.now,
      attribute: (hint) => served.add(services.contexts.attribute(hint)),
      decide: (operations, attribution) =>
        this.#revoked(attribution) ?? decide(services.inForce().policy, actorAgent, target.name, operations, attribution),
      record,
      refer: services.refer,
      aside,
      guard: approvalGuard(services.operator, actorAgent, target.name, services.holdSeconds),
      log: (message, fields) => services.log.info(message, { session: id, target: target.name, ...fields }),
    };
  }
}

/** An agent's end of a session that no agent opened: gone as soon as the session has nothing more to tell it. */
function nobody(): Socket {
  const socket = new Socket();
  return socket.once('finish', () => socket.destroy());
}
