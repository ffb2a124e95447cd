/** Which assertions were used, by all replicas: each is a Lease under a name made of it, and a name can be created once. */
import { IdentityError, type OneTimeUse } from '@cairn/identity';
import { hasStatus, LEASES, type KubernetesClient, type Lease } from '../kubernetes/index.js';
import { ASSERTION_MARGIN_SECONDS, ASSERTION_SWEEP_COUNT, ASSERTION_SWEEP_SECONDS } from './limits.js';
import { MANAGED_BY } from './resources.js';

/** Label of such a Lease. */
const USED = { 'cairn.dev/used': 'assertion' } as const;

export interface ClusterAssertionsOptions {
  client: KubernetesClient;
  /** Of the installation. */
  namespace: string;
  /** Milliseconds. */
  clock: () => number;
  log: (message: string) => void;
}

/** When a Lease's assertion expires, in seconds since the epoch. */
function expiryOf({ spec }: Lease): number {
  return Date.parse(spec?.acquireTime ?? '') / 1000 + (spec?.leaseDurationSeconds ?? 0);
}

export class ClusterAssertions implements OneTimeUse {
  #swept: number;
  #sweeping: Promise<void> | undefined;

  constructor(private readonly options: ClusterAssertionsOptions) {
    this.#swept = options.clock();
  }

  async use(key: string, expires: number): Promise<boolean> {
    const { client, namespace, clock } = this.options;
    const now = clock();
    const lease: Lease = {
      metadata: { namespace, name: `cairn-used-${key}`, labels: { ...MANAGED_BY, ...USED } },
      spec: {
        acquireTime: new Date(now).toISOString().replace('Z', '000Z'),
        leaseDurationSeconds: Math.max(1, Math.ceil(expires - now / 1000)),
      },
    };
    try {
      await client.create(LEASES, lease);
    } catch (error) {
      if (hasStatus(error, 409)) return false;
      throw new IdentityError('unavailable', 'whether the assertion was used cannot be told; try again in a moment', { cause: error });
    }
    this.#sweepIfDue(now);
    return true;
  }

  /** Waits for what is being forgotten. */
  async close(): Promise<void> {
    await this.#sweeping;
  }

  #sweepIfDue(now: number): void {
    if (this.#sweeping || now - this.#swept < ASSERTION_SWEEP_SECONDS * 1000) return;
    this.#swept = now;
    this.#sweeping = this.#sweep(now / 1000)
      .catch((error: unknown) => this.options.log(`used assertions were not cleared away: ${(error as Error).message}`))
      .finally(() => (this.#sweeping = undefined));
  }

  /** Forgets what has expired by every replica's clock. Another replica may do the same. */
  async #sweep(now: number): Promise<void> {
    const { client, namespace } = this.options;
    const labelSelector = Object.entries(USED)
      .map((pair) => pair.join('='))
      .join();
    const { items } = await client.list(LEASES, { namespace, labelSelector });
    const over = items.filter((lease) => expiryOf(lease) + ASSERTION_MARGIN_SECONDS < now);
    for (const { metadata } of over.slice(0, ASSERTION_SWEEP_COUNT)) {
      await client.delete(LEASES, { namespace, name: metadata.name! }, { uid: metadata.uid! });
    }
  }
}
