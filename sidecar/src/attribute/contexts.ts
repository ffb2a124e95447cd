/**
 * Open inbound requests of this pod, and the ladder that says which of them an outbound exchange serves.
 * Pure but for the table itself: no IO and no clock.
 */
import { randomBytes } from 'node:crypto';
import type { Candidate } from '@cairn/audit';
import type { LaunchIdentity } from '@cairn/identity';
import type { Attribution, AttributionHint } from './attribution.js';
import { MAX_CANDIDATES, MAX_OPEN_CONTEXTS } from './limits.js';

/** The identity that a request proved, with the chain token of this pod's launch for it. */
export interface ContextIdentity {
  identity: LaunchIdentity;
  token: string;
}

/** A request that is being served. One that proved no identity counts too: while it is open, another's identity is not the only one. */
interface OpenContext {
  identity: LaunchIdentity | undefined;
  token: string | undefined;
  handle: string;
  traceparent: string | undefined;
  traceId: string | undefined;
  /** Id of the inbound request's intent event. */
  cause: string;
  /** Ends the request that is being served. */
  cut: (reason: string) => void;
}

/** Told of every change, before anything is attributed by it. */
export interface ContextObserver {
  opened(context: ContextView): void;
  closed(handle: string): void;
  renewed(identity: LaunchIdentity, token: string): void;
}

/** An open context as it may be told on. */
export type ContextView = Pick<OpenContext, 'identity' | 'token' | 'handle' | 'traceparent' | 'cause'>;

export interface ContextOptions {
  /** Whether the pod serves requests; one that does not is its own launch, exactly. */
  serves: boolean;
  /** The pod's own launch, once it is known. */
  own: () => ContextIdentity | undefined;
}

/** Open contexts of one pod. */
export class Contexts {
  readonly #open = new Map<string, OpenContext>();
  /** Trace id -> open contexts with it; two of them prove nothing. */
  readonly #traces = new Map<string, Set<OpenContext>>();
  /** The pod's own, as it was attributed last. */
  #own: Attribution | undefined;
  /** Set where somebody else attributes by these contexts, too. */
  observer: ContextObserver | undefined;

  constructor(private readonly options: ContextOptions) {}

  get size(): number {
    return this.#open.size;
  }

  /** Opens a context and returns its handle; undefined at the limit, when the request must be refused. */
  open(context: {
    identity: LaunchIdentity | undefined;
    token: string | undefined;
    traceparent: string | undefined;
    cause: string;
    cut?: (reason: string) => void;
    /** Default: a new one. */
    handle?: string;
  }): string | undefined {
    if (this.#open.size >= MAX_OPEN_CONTEXTS) return undefined;
    const handle = context.handle ?? randomBytes(16).toString('base64url');
    const opened: OpenContext = {
      identity: context.identity,
      token: context.token,
      handle,
      traceparent: context.traceparent,
      traceId: traceIdOf(context.traceparent),
      cause: context.cause,
      cut: context.cut ?? (() => undefined),
    };
    this.#open.set(handle, opened);
    if (opened.traceId) {
      const same = this.#traces.get(opened.traceId);
      if (same) same.add(opened);
      else this.#traces.set(opened.traceId, new Set([opened]));
    }
    this.observer?.opened(opened);
    return handle;
  }

  close(handle: string): void {
    const context = this.#open.get(handle);
    if (!context) return;
    this.#open.delete(handle);
    this.observer?.closed(handle);
    if (!context.traceId) return;
    const same = this.#traces.get(context.traceId);
    same?.delete(context);
    if (same?.size === 0) this.#traces.delete(context.traceId);
  }

  /**
   * Ends the requests of identities that `refusal` has a reason against. Their contexts stay until they are closed: the agent may
   * work on for them, and that must not look like another's.
   */
  cut(refusal: (identity: LaunchIdentity) => string | undefined): void {
    for (const { identity, cut } of [...this.#open.values()]) {
      const reason = identity && refusal(identity);
      if (reason !== undefined) cut(reason);
    }
  }

  views(): Iterable<ContextView> {
    return this.#open.values();
  }

  /** Who is being served, each identity once. */
  identities(): Set<LaunchIdentity> {
    const found = new Set<LaunchIdentity>();
    for (const { identity } of this.#open.values()) if (identity) found.add(identity);
    return found;
  }

  /** What is done from now on for the identity carries its new token. */
  renew(identity: LaunchIdentity, token: string): void {
    for (const context of this.#open.values()) if (context.identity === identity) context.token = token;
    this.observer?.renewed(identity, token);
  }

  /** First rung that applies: handle, trace, serialized, same_root, ambiguous; nothing open: the pod's own launch. */
  attribute(hint: AttributionHint): Attribution {
    if (hint.handle !== undefined) {
      const named = this.#open.get(hint.handle);
      if (named) return certain('handle', named);
    }
    if (this.#open.size === 0) return this.#ownLaunch();
    const traceId = traceIdOf(hint.traceparent);
    if (traceId !== undefined) {
      const traced = this.#traces.get(traceId);
      if (traced?.size === 1) for (const context of traced) return certain('trace', context);
    }
    return this.#byWhatIsOpen();
  }

  #ownLaunch(): Attribution {
    const own = this.options.own();
    if (!own) return NOBODY;
    if (this.#own?.identity !== own.identity || this.#own.token !== own.token) {
      const { identity, token } = own;
      this.#own = { method: this.options.serves ? 'background' : 'pod_launch', identity, token, candidates: undefined, cause: undefined };
    }
    return this.#own;
  }

  #byWhatIsOpen(): Attribution {
    const contexts = this.#open.values();
    const first = contexts.next().value!;
    if (this.#open.size === 1) return certain('serialized', first);
    let oneLaunch = true;
    for (const { identity } of contexts) {
      if (!sameRoot(first.identity, identity)) {
        return { method: 'ambiguous', identity: undefined, token: undefined, ...this.#candidates(), cause: undefined };
      }
      if (identity?.launch.id !== first.identity?.launch.id) oneLaunch = false;
    }
    // The person is exact. Of several launches the oldest stands in, and all are told as candidates.
    const candidates = oneLaunch ? { candidates: undefined } : this.#candidates();
    return { method: 'same_root', identity: first.identity, token: first.token, ...candidates, cause: undefined };
  }

  #candidates(): { candidates: Candidate[]; among: LaunchIdentity[] } {
    const seen = new Map<string, LaunchIdentity>();
    for (const { identity } of this.#open.values()) {
      if (seen.size >= MAX_CANDIDATES) break;
      if (identity) seen.set(identity.launch.id, identity);
    }
    const among = [...seen.values()];
    return { candidates: among.map(({ root, launch }) => ({ root: root.name, launch: launch.id })), among };
  }
}

const NOBODY: Attribution = Object.freeze({
  method: 'none',
  identity: undefined,
  token: undefined,
  candidates: undefined,
  cause: undefined,
});

/** The request is certain; whether anybody proved to have made it is another matter. */
function certain(method: 'handle' | 'trace' | 'serialized', { identity, token, cause }: OpenContext): Attribution {
  return { method: identity ? method : 'none', identity, token, candidates: undefined, cause };
}

function sameRoot(one: LaunchIdentity | undefined, other: LaunchIdentity | undefined): boolean {
  if (!one || !other) return false;
  return one.root.sub === other.root.sub && one.root.iss === other.root.iss;
}

/** Trace id of a W3C traceparent (version 00 and later keep it in the same place); undefined when it is not one. */
function traceIdOf(traceparent: string | undefined): string | undefined {
  if (traceparent === undefined) return undefined;
  const match = /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}/.exec(traceparent);
  return match && match[1] !== '0'.repeat(32) ? match[1] : undefined;
}
