/**
 * Leader election on a Lease, as client-go does it: others' leases count from when we saw them change, by our own clock,
 * so that clocks of different machines are never compared.
 */
import { hasStatus, localError } from './api-error.js';
import { pause } from './backoff.js';
import type { KubernetesClient } from './client.js';
import { LEASE_DURATION_MS, LEASE_RENEW_MS, LEASE_RETRY_MS } from './limits.js';
import type { ApiObject, ObjectKey, Resource } from './resource.js';

export interface Lease extends ApiObject {
  spec?: {
    holderIdentity?: string;
    leaseDurationSeconds?: number;
    /** RFC 3339 with microseconds. */
    acquireTime?: string;
    renewTime?: string;
    leaseTransitions?: number;
  };
}

export const LEASES: Resource<Lease> = { group: 'coordination.k8s.io', version: 'v1', plural: 'leases', kind: 'Lease', namespaced: true };

export interface ElectorOptions {
  lease: ObjectKey;
  /** Unique among the candidates. */
  identity: string;
  durationMs?: number;
  renewMs?: number;
  retryMs?: number;
  /** Milliseconds of a clock that never goes back. */
  monotonic?: () => number;
  /** Milliseconds since 1970, for what is written to the Lease. */
  clock?: () => number;
  log?: (entry: { level: 'info' | 'warn'; message: string; [field: string]: string | number | undefined }) => void;
}

/** The right to act; over when the signal is aborted, or when `check` throws because the time ran out unnoticed. */
export interface Leadership {
  signal: AbortSignal;
  check(): void;
}

function microTime(milliseconds: number): string {
  return new Date(milliseconds).toISOString().replace('Z', '000Z');
}

export class Elector {
  readonly #options: Required<Omit<ElectorOptions, 'log'>> & Pick<ElectorOptions, 'log'>;
  #observed: { lease: Lease; at: number } | undefined;
  #leading: { until: number } | undefined;

  constructor(
    readonly client: KubernetesClient,
    options: ElectorOptions,
  ) {
    this.#options = {
      durationMs: LEASE_DURATION_MS,
      renewMs: LEASE_RENEW_MS,
      retryMs: LEASE_RETRY_MS,
      monotonic: () => performance.now(),
      clock: Date.now,
      ...options,
    };
  }

  /** Whether this process may act now. */
  get leading(): boolean {
    return this.#leading !== undefined && this.#options.monotonic() < this.#leading.until;
  }

  /** Who holds the Lease, as last seen. */
  get holder(): string | undefined {
    return this.#observed?.lease.spec?.holderIdentity || undefined;
  }

  /**
   * Calls `lead` each time this process becomes the leader, until `signal`. At a loss the leadership ends at once, whether
   * or not `lead` has returned; it is called again only after it did.
   */
  async run(signal: AbortSignal, lead: (leadership: Leadership) => Promise<void>): Promise<void> {
    while (!signal.aborted) {
      if (await this.#try(signal)) await this.#lead(signal, lead);
      else await pause(this.#options.retryMs * (1 + 0.2 * Math.random()), signal);
    }
  }

  async #lead(signal: AbortSignal, lead: (leadership: Leadership) => Promise<void>): Promise<void> {
    const over = new AbortController();
    const { log, identity } = this.#options;
    log?.({ level: 'info', message: 'leading', identity });
    const check = (): void => {
      if (!this.leading) throw localError('leader', 'Aborted', 'the Lease was not renewed in time');
    };
    const work = lead({ signal: over.signal, check }).catch((error: unknown) => {
      log?.({ level: 'warn', message: `leader: ${error instanceof Error ? error.message : String(error)}` });
    });
    await this.#renew(signal, over.signal, work);
    over.abort();
    this.#leading = undefined;
    log?.({ level: signal.aborted ? 'info' : 'warn', message: 'no longer leading', identity });
    await work;
    if (signal.aborted) await this.#release();
  }

  /** Returns when the Lease is lost, `signal` ends it, or the work has ended by itself. */
  async #renew(signal: AbortSignal, over: AbortSignal, work: Promise<void>): Promise<void> {
    const ended = new AbortController();
    const end = (): void => ended.abort();
    signal.addEventListener('abort', end);
    if (signal.aborted) end();
    void work.then(end);
    while (!ended.signal.aborted && !over.aborted) {
      await pause(Math.min(this.#options.retryMs, this.#leftMs()), ended.signal);
      if (ended.signal.aborted || !this.leading) break;
      const renewed = await this.#try(ended.signal);
      if (!renewed && (!this.leading || this.holder !== this.#options.identity)) break;
    }
    signal.removeEventListener('abort', end);
  }

  /** Takes or renews the Lease; false: it is another's, or the server could not be asked. */
  async #try(signal: AbortSignal): Promise<boolean> {
    const began = this.#options.monotonic();
    try {
      const lease = await this.#exchange(signal);
      if (!lease) return false;
      this.#observed = { lease, at: this.#options.monotonic() };
      // Counted from before the request: others count from later.
      this.#leading = { until: began + this.#options.renewMs };
      return true;
    } catch (error) {
      if (!signal.aborted && !hasStatus(error, 409)) {
        this.#options.log?.({ level: 'warn', message: `lease: ${error instanceof Error ? error.message : String(error)}` });
      }
      return false;
    }
  }

  async #exchange(signal: AbortSignal): Promise<Lease | undefined> {
    const { lease: key } = this.#options;
    const found = await this.client.get(LEASES, key, { signal, timeoutMs: this.#leftMs() });
    const timeoutMs = this.#leftMs();
    if (!found) return this.#create(key, { signal, timeoutMs });
    this.#observe(found);
    if (!this.#mayTake(found)) return undefined;
    // With the resource version that we saw: of two candidates the second gets a conflict.
    return this.client.replace(LEASES, { ...found, spec: this.#spec(found) }, { signal, timeoutMs });
  }

  /**
   * By server-side apply, whose request names the object: so a role may permit this one Lease alone. Each candidate is a
   * manager of its own, and none forces: of two the second gets a conflict.
   */
  #create(key: ObjectKey, call: { signal: AbortSignal; timeoutMs: number }): Promise<Lease> {
    const manager = `cairn-operator-${this.#options.identity}`.slice(0, 128);
    return this.client.apply(LEASES, { metadata: { ...key }, spec: this.#spec(undefined) }, { ...call, manager, force: false });
  }

  /** How long a request may take: a leader's must have ended when its time has. */
  #leftMs(): number {
    const { renewMs, monotonic } = this.#options;
    const left = this.#leading ? this.#leading.until - monotonic() : renewMs;
    return Math.max(1, Math.min(left, renewMs / 2));
  }

  #observe(lease: Lease): void {
    if (this.#observed?.lease.metadata.resourceVersion === lease.metadata.resourceVersion) return;
    this.#observed = { lease, at: this.#options.monotonic() };
  }

  #mayTake({ spec }: Lease): boolean {
    const { identity, durationMs, monotonic } = this.#options;
    if (!spec?.holderIdentity || spec.holderIdentity === identity) return true;
    const lasts = spec.leaseDurationSeconds === undefined ? durationMs : spec.leaseDurationSeconds * 1000;
    return this.#observed!.at + lasts < monotonic();
  }

  #spec(previous: Lease | undefined): NonNullable<Lease['spec']> {
    const { identity, durationMs, clock } = this.#options;
    const now = microTime(clock());
    const same = previous?.spec?.holderIdentity === identity;
    return {
      holderIdentity: identity,
      leaseDurationSeconds: Math.ceil(durationMs / 1000),
      acquireTime: same ? (previous.spec?.acquireTime ?? now) : now,
      renewTime: now,
      leaseTransitions: (previous?.spec?.leaseTransitions ?? 0) + (previous && !same ? 1 : 0),
    };
  }

  /** Lets the next candidate lead at once instead of after the lease's duration. */
  async #release(): Promise<void> {
    const held = this.#observed?.lease;
    if (held?.spec?.holderIdentity !== this.#options.identity) return;
    const spec = { ...held.spec, holderIdentity: '', leaseDurationSeconds: 1, renewTime: microTime(this.#options.clock()) };
    await this.client.replace(LEASES, { ...held, spec }, { timeoutMs: this.#options.retryMs }).catch(() => undefined);
  }
}
