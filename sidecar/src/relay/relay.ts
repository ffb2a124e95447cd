/**
 * The sidecar's side of strict mode: what the agent opens is handed over to the gateway, with who it acts for. The sidecar records the
 * hand-over; the gateway reads the protocol, decides, presents the credential and records each exchange.
 */
import type { Verdict } from '@cairn/crds';
import type { LaunchIdentity } from '@cairn/identity';
import { uuidv7 } from '@cairn/identity';
import type { ContextObserver, ContextIdentity, Contexts, ContextView } from '../attribute/contexts.js';
import type { Connection, Departure } from '../capture/outbound.js';
import { refusal } from '../capture/refusal.js';
import type { Log } from '../config/log.js';
import type { PolicyInForce } from '../control/bundles.js';
import type { Standing } from '../control/standing.js';
import type { CertificateAuthority } from '../credentials/authority.js';
import type { HopCertificate, HopIdentity } from '../hop/certificate.js';
import { openHop } from '../hop/dial.js';
import type { Resolve } from '../pump/dial.js';
import { MAX_CONNECTIONS } from '../pump/limits.js';
import type { Exchange } from '../record/exchange.js';
import { sessionRecorder, type RecorderServices } from '../record/recorder.js';
import { normalHost, routeTo } from '../route/routes.js';
import { Relayed } from './relayed.js';

/** What agents call a target's listener in their own pod (explicit capture). */
const LISTENER = 'localhost';

export interface RelayServices {
  contexts: Contexts;
  inForce: () => PolicyInForce;
  standing: Standing;
  recorder: RecorderServices;
  authority: Pick<CertificateAuthority, 'leafOf'>;
  certificate: HopCertificate;
  own: () => ContextIdentity | undefined;
  /** Whether the pod serves requests. */
  serves: boolean;
  /** SHA-256 of the token that the pod's containers hold, base64. */
  sessionToken: string;
  /** The pod's own token for the API server; throws where none is mounted. */
  apiToken: () => string;
  resolve: Resolve;
  log: Log;
}

export class Relay implements Departure, ContextObserver {
  readonly #open = new Set<Relayed>();

  constructor(private readonly services: RelayServices) {}

  get size(): number {
    return this.#open.size;
  }

  passes(host: string, port: number): boolean {
    const { policy, addresses } = this.services.inForce();
    return routeTo(policy, addresses, host, port) !== undefined || policy.undeclared.action === 'Allow';
  }

  open(connection: Connection): void {
    if (this.#open.size >= MAX_CONNECTIONS) {
      this.services.log.warn('connection refused', { reason: `${MAX_CONNECTIONS} connections are open` });
      connection.socket.destroy();
      return;
    }
    const { socket } = connection;
    const broken = (): void => void socket.destroy();
    socket.on('error', broken);
    const exchange = this.#handOver(connection);
    this.#relay(connection, exchange)
      .catch((error: Error) => this.#failed(connection, exchange, error))
      .finally(() => socket.off('error', broken));
  }

  /** Ends what acts for launches that no longer stand. The gateway cuts too, in the protocol's words, and is given the time for it. */
  cut(): void {
    const { standing } = this.services;
    const identity = this.services.own()?.identity;
    const reason = standing.problem ?? (identity && standing.refusal(identity));
    if (reason !== undefined) for (const each of this.#open) each.cut(reason);
  }

  end(reason: string): void {
    for (const each of [...this.#open]) each.destroy(new Error(reason));
  }

  opened(context: ContextView): void {
    for (const each of this.#open) each.told?.opened(context);
  }

  closed(handle: string): void {
    for (const each of this.#open) each.told?.closed(handle);
  }

  renewed(identity: LaunchIdentity, token: string): void {
    for (const each of this.#open) each.told?.renewed(identity, token);
  }

  /** The pod's own launch is another one, or has another token. */
  ownChanged(): void {
    for (const each of this.#open) each.told?.own(this.services.own());
  }

  /** Recorded before the gateway hears of it. */
  #handOver({ host, port }: Connection): Exchange {
    const { recorder, contexts, inForce } = this.services;
    const { policy, addresses } = inForce();
    const route = routeTo(policy, addresses, host, port);
    const target = { name: route?.target.name ?? 'undeclared', host: route?.host ?? host, port };
    const session = sessionRecorder(recorder, { id: uuidv7(), direction: 'outbound', protocol: 'tcp', target });
    return session.intent({
      attribution: contexts.attribute({}),
      verdict: handedOver(policy.name),
      operation: { verb: 'CONNECT', resource: `${target.host}:${port}`, effect: 'write' },
    });
  }

  async #relay(connection: Connection, exchange: Exchange): Promise<void> {
    const { recorder, inForce, log } = this.services;
    if (recorder.stream.refusing) throw recorder.stream.refusing;
    const { bundle, policy, addresses } = inForce();
    if (!bundle.gateway)
      throw new Error(`policy ${policy.name} has egress Gateway, and no gateway is installed (gateway.enabled of the chart)`);
    await new Promise<void>((resolve, reject) => recorder.turn.join({ send: resolve, evidenceFailed: reject }));
    const { host, port } = bundle.gateway;
    const destination = { host: addresses.hostOf(connection.host) ?? normalHost(connection.host), port: connection.port };
    const reroutes = connection.reroute !== undefined;
    const address = this.services.resolve(host, port);
    const hop = await openHop({ gateway: bundle.gateway, address, identity: await this.#identity(), destination, reroutes });
    const relayed = new Relayed(connection, hop, (error, bytes) => {
      this.#open.delete(relayed);
      exchange.complete({ status: 'closed', request: bytes.sent, response: bytes.received, error: error?.message });
      if (error) log.info('hop failed', { event: exchange.id, reason: error.message });
    });
    this.#open.add(relayed);
    this.#introduce(relayed, destination, exchange.id);
  }

  async #identity(): Promise<HopIdentity> {
    const { certificate } = this.services;
    return certificate.current ?? certificate.renew();
  }

  /** All that the gateway must know before the first byte. */
  #introduce({ told, start }: Relayed, { host, port }: { host: string; port: number }, cause: string): void {
    const { contexts, inForce, authority, own, serves, sessionToken, apiToken } = this.services;
    const { policy } = inForce();
    const target = policy.target(host, port);
    for (const name of [...(target?.hosts ?? [host]), LISTENER]) {
      const leaf = authority.leafOf(name);
      if (leaf) told.leaf(name, leaf);
    }
    told.own(own());
    for (const context of contexts.views()) told.opened(context);
    const presents = target?.credential !== undefined && 'serviceAccount' in target.credential;
    told.start({ serves, sessionToken, apiToken: presents ? apiToken() : null, cause });
    start();
  }

  #failed({ socket, initial, host, port }: Connection, exchange: Exchange, error: Error): void {
    exchange.complete({ status: 'failed', error: error.message });
    this.services.log.warn('connection not handed over', { host, port, event: exchange.id, reason: error.message });
    refusal(socket, initial, { host, port, reason: error.message, event: exchange.id, status: 'unavailable' });
  }
}

function handedOver(policy: string): Verdict {
  return { action: 'Allow', policy, reason: 'handed over to the gateway, which decides', level: 'Metadata', delivery: 'Durable', mask: [] };
}
