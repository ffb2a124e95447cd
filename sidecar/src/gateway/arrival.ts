/** One hop at the gateway: what its sidecar says, the session that follows, and how it ends. */
import type { Target } from '@cairn/crds';
import type { SecureContext } from 'node:tls';
import { IdentityError, type PodBinding } from '@cairn/identity';
import { Outbound, type OutboundServices } from '../capture/outbound.js';
import type { Log } from '../config/log.js';
import type { PolicyInForce } from '../control/bundles.js';
import type { OperatorClient } from '../control/operator-client.js';
import type { TargetCredential } from '../credentials/credential.js';
import { sessionTokenDigestCheck } from '../credentials/agent-folder.js';
import { serviceAccountToken } from '../credentials/files.js';
import { readControl, type Control } from '../hop/control.js';
import { HopError, type Frame } from '../hop/frame.js';
import { HopWire } from '../hop/wire.js';
import type { Address } from '../pump/dial.js';
import { secureContextOf } from '../pump/secure-contexts.js';
import type { OpenHop } from '../hop/dial.js';
import { HopStream } from './hop-stream.js';
import { MAX_HOP_LEAVES, START_TIMEOUT_MS } from './limits.js';
import { Peer, type PeerServices } from './peer.js';

export interface ArrivalServices extends PeerServices {
  /** What sessions share; the rest follows from the peer. */
  outbound: Pick<OutboundServices, 'recorder' | 'ring' | 'standing' | 'holdSeconds' | 'log'>;
  pump: Omit<OutboundServices['pump'], 'secureContextFor'>;
  operator: Pick<OperatorClient, 'onBehalfOf'>;
  credentials: { of(target: Target): TargetCredential };
  log: Log;
}

export interface ArrivalRequest {
  binding: PodBinding;
  destination: Address;
  reroutes: boolean;
  inForce: () => PolicyInForce;
}

export class Arrival {
  readonly #wire: HopWire;
  readonly #stream: HopStream;
  readonly #peer: Peer;
  readonly #leaves = new Map<string, SecureContext>();
  readonly #unstarted: NodeJS.Timeout;
  #outbound: Outbound | undefined;
  #refusedToken = false;

  constructor(
    private readonly services: ArrivalServices,
    readonly request: ArrivalRequest,
    { socket, head }: OpenHop,
    closed: () => void,
  ) {
    this.#peer = new Peer(services, request.binding.pod);
    this.#unstarted = setTimeout(() => this.#wire.destroy(new HopError('the sidecar did not start')), START_TIMEOUT_MS);
    this.#wire = new HopWire(
      socket,
      {
        frame: (frame) => this.#frame(frame),
        drain: () => this.#stream.drained(),
        closed: (error) => {
          clearTimeout(this.#unstarted);
          if (error) services.log.info('hop failed', { pod: request.binding.pod.name, reason: error.message });
          this.#stream.destroy(error);
          closed();
        },
      },
      head,
    );
    this.#stream = new HopStream(this.#wire);
    this.#stream.on('error', () => undefined);
  }

  get policy(): { namespace: string; name: string } {
    const { pod, policy } = this.request.binding;
    return { namespace: pod.namespace, name: policy };
  }

  /** Ends what acted for launches that stand no more. */
  cut(): void {
    this.#outbound?.cut();
  }

  cutAll(reason: string): void {
    if (this.#outbound) this.#outbound.cutAll(reason);
    else this.#wire.destroy(new HopError(reason));
  }

  #frame(frame: Frame): void | Promise<void> {
    switch (frame.kind) {
      case 'data':
        if (!this.#outbound) throw new HopError('data before the sidecar said to start');
        return this.#stream.received(frame.bytes);
      case 'end':
        return this.#stream.receivedEnd();
      case 'control':
        return this.#control(readControl(frame.text));
      case 'back':
        throw new HopError('the sidecar sent what only gateways send');
      default:
        return frame satisfies never;
    }
  }

  #control(control: Control): void | Promise<void> {
    if (control.type === 'leaf') return this.#leaf(control);
    // Of who was refused nothing more is heard but what is to be answered.
    if (this.#refusedToken) return;
    const told = this.#peer.tell(control);
    if (told) return told.catch((error: Error) => this.#refused(error));
    if (control.type === 'start') this.#start(control);
  }

  #leaf({ name, certificate, key }: Extract<Control, { type: 'leaf' }>): void {
    if (this.#leaves.size >= MAX_HOP_LEAVES) throw new HopError(`more than ${MAX_HOP_LEAVES} certificates on one connection`);
    this.#leaves.set(name.toLowerCase(), secureContextOf({ cert: certificate, key, minVersion: 'TLSv1.2' }));
  }

  /** A token that does not hold: nothing more passes, and the record says so. */
  #refused(error: Error): void {
    if (!(error instanceof IdentityError)) throw error;
    this.#refusedToken = true;
    const reason = `the launch token was refused: ${error.message}`;
    const { destination, inForce, binding } = this.request;
    this.services.log.warn('launch token refused', { pod: binding.pod.name, namespace: binding.pod.namespace, reason: error.message });
    if (this.#outbound) return this.#outbound.cutAll(reason);
    clearTimeout(this.#unstarted);
    const outbound = (this.#outbound = this.#departure(undefined));
    const verdict = { action: 'Deny', policy: inForce().policy.name, reason, level: 'Metadata', delivery: 'Durable', mask: [] } as const;
    outbound.refuse({ socket: this.#stream, ...destination }, verdict);
  }

  #start(start: Extract<Control, { type: 'start' }>): void {
    if (this.#outbound) return;
    clearTimeout(this.#unstarted);
    const { destination, reroutes } = this.request;
    this.#outbound = this.#departure(start);
    const reroute = reroutes ? { reroute: (_: unknown, bytes: Buffer) => this.#stream.giveBack(bytes) } : {};
    this.#outbound.open({ socket: this.#stream, ...destination, ...reroute });
  }

  #departure(start: Extract<Control, { type: 'start' }> | undefined): Outbound {
    const { outbound, pump, credentials, operator } = this.services;
    const { binding, inForce } = this.request;
    const { pod, agent: name, node } = binding;
    const agent = { name, namespace: pod.namespace, pod: pod.name, uid: pod.uid, node: node ?? '' };
    return new Outbound({
      ...outbound,
      inForce,
      refer: start?.serves === false ? undefined : noReference,
      recorder: { ...outbound.recorder, agent },
      pump: { ...pump, secureContextFor: (server) => this.#secureContext(server) },
      operator: operator.onBehalfOf({ namespace: pod.namespace, name }),
      contexts: this.#peer,
      credentials: { of: (target) => serviceAccountToken(target, start?.apiToken) ?? credentials.of(target) },
      isSessionToken: sessionTokenDigestCheck(start?.sessionToken ?? ''),
    });
  }

  #secureContext(server: string | undefined): SecureContext {
    const { host } = this.request.destination;
    const found = this.#leaves.get((server ?? host).toLowerCase()) ?? this.#leaves.get(host) ?? this.#leaves.values().next().value;
    if (!found) throw new HopError('the sidecar brought no certificate for this destination');
    return found;
  }
}

/** References to launches are signed by the stream of the pod that acts, which is not ours: without one the wrong person would stand behind the workload. */
function noReference(): never {
  throw new Error('an agent that serves requests cannot start workloads through the gateway: give its policy egress Sidecar');
}
