import { createGrantVerifier, createLaunchVerifier, type GrantVerifier, type LaunchVerifier } from '@cairn/identity';
import type { Log } from './http/basics.js';
import { Changes } from './http/changes.js';
import { createMetrics, type Metrics } from './http/metrics.js';
import type { OperatorServiceOptions } from './options.js';
import { People } from './tokens/people.js';
import type { ApprovalStore, KeyRing, LaunchRecords, RevocationStore, ServiceStores, Witness } from './stores.js';

/** Everything that the routes share. */
export interface ServiceContext {
  readonly options: OperatorServiceOptions;
  readonly keys: KeyRing;
  readonly people: People;
  readonly witness: Witness;
  readonly approvals: ApprovalStore;
  readonly revocations: RevocationStore;
  readonly records: LaunchRecords;
  readonly stores: ServiceStores;
  readonly changes: Changes;
  readonly metrics: Metrics;
  readonly log: Log;
  /** Milliseconds. */
  readonly clock: () => number;
  /** Known once the service listens, where it was not given. */
  readonly issuer: string;
  readonly launches: LaunchVerifier;
  readonly grants: GrantVerifier;
}

export async function openContext(options: OperatorServiceOptions): Promise<ServiceContext & { setIssuer(issuer: string): void }> {
  const clock = options.clock ?? Date.now;
  const changes = new Changes();
  const stores = await options.stores((topic) => changes.notify(topic), clock);
  const { keys, revocations, witness, approvals, launches: records } = stores;
  let issued: { issuer: string; launches: LaunchVerifier; grants: GrantVerifier } | undefined;
  const setIssuer = (issuer: string): void => {
    const common = { issuer, jwks: () => keys.jwks(), clock };
    issued = { issuer, launches: createLaunchVerifier({ ...common, revocations: revocations.list }), grants: createGrantVerifier(common) };
  };
  const current = (): NonNullable<typeof issued> => {
    if (!issued) throw new Error('the service has no issuer yet: give one in its options, or listen first');
    return issued;
  };
  if (options.issuer) setIssuer(options.issuer);
  const log: Log = options.log ?? ((entry) => process.stderr.write(`${JSON.stringify({ time: new Date().toISOString(), ...entry })}\n`));
  const { providers } = options;
  const people = new People({
    providers: typeof providers === 'function' ? providers : () => providers,
    replays: stores.assertions,
    issuer: () => current().issuer,
    jwks: () => keys.jwks(),
    reviews: options.reviews,
    isAgent: async (pod) => (await options.agentOf(pod)) !== undefined,
    failed: (error) => log({ level: 'error', message: 'an identity provider cannot be used', error: error.message }),
    clock,
  });
  return {
    options,
    keys,
    people,
    stores,
    witness,
    approvals,
    revocations,
    records,
    changes,
    metrics: createMetrics(changes),
    log,
    clock,
    setIssuer,
    get issuer() {
      return current().issuer;
    },
    get launches() {
      return current().launches;
    },
    get grants() {
      return current().grants;
    },
  };
}
