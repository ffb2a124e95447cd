/** The service's state as objects of the cluster, shared by all replicas; each follows it by watching. */
import type { AgentLaunch, ApprovalObject, AuditStream, WitnessedHead } from '@cairn/crds';
import { Reflector, type ApiObject, type KubernetesClient, type ReflectorOptions, type Resource } from '../kubernetes/index.js';
import type { LogEntry } from '../service/http/basics.js';
import type { Problem } from '../service/http/problem.js';
import type { OpenStores, ServiceStores } from '../service/stores.js';
import { ClusterApprovals } from './approvals.js';
import { openClusterKeyRing, SIGNING_KEYS, type ClusterKeyRing } from './key-ring.js';
import { ClusterLaunches, ClusterRevocations } from './launches.js';
import { AGENT_LAUNCHES, APPROVALS, AUDIT_STREAMS, SECRETS, type Secret } from './resources.js';
import { ClusterWitness } from './witness.js';

export interface ClusterStateOptions {
  client: KubernetesClient;
  /** Of the installation. */
  namespace: string;
  log: (entry: LogEntry) => void;
  /** Milliseconds; default Date.now. */
  clock?: () => number;
  /** How long the next signing key must have been published before it signs; default 300. */
  keyOverlapSeconds?: number;
  checkpointWrites?: { perSecond: number; burst: number };
  /** A stream has two histories, which showed only after both were acknowledged. */
  contradicted?: (stream: AuditStream, head: WitnessedHead, problem: Problem) => void;
}

export interface ClusterState {
  readonly approvals: Reflector<ApprovalObject>;
  readonly launches: Reflector<AgentLaunch>;
  readonly streams: Reflector<AuditStream>;
  /** For `OperatorServiceOptions.stores`; resolves once everything was listed. */
  readonly stores: OpenStores;
  /** The keys of the stores, once those are open. */
  keys(): ClusterKeyRing;
  /** After the service is closed. */
  stop(): Promise<void>;
}

export function openClusterState(options: ClusterStateOptions): ClusterState {
  const { client, namespace, log, clock = Date.now } = options;
  const warn = (message: string): void => log({ level: 'warn', message });
  const byName = { name: ({ metadata }: ApiObject) => metadata.name };
  const following = <T extends ApiObject>(resource: Resource<T>, more: ReflectorOptions<T> = {}): Reflector<T> =>
    new Reflector(client, resource, { log, ...more });
  const approvals = following(APPROVALS);
  const launches = following(AGENT_LAUNCHES, { indexes: byName });
  const streams = following(AUDIT_STREAMS, { indexes: byName });
  const secrets = following<Secret>(SECRETS, { namespace, fieldSelector: `metadata.name=${SIGNING_KEYS}` });
  const reflectors = [approvals, launches, streams, secrets];
  let keyRing: ClusterKeyRing | undefined;

  const open: OpenStores = async (notify) => {
    for (const reflector of reflectors) reflector.start();
    const overlap = options.keyOverlapSeconds;
    const keys = await openClusterKeyRing({
      client,
      secrets,
      namespace,
      clock,
      log: warn,
      ...(overlap === undefined ? {} : { overlapSeconds: overlap }),
    });
    keyRing = keys;
    await Promise.all(reflectors.map((reflector) => reflector.whenSynced()));
    const held = new ClusterApprovals({ client, approvals, keys, clock, notify, log: warn });
    const revocations = new ClusterRevocations(client, launches, notify);
    const { contradicted = () => undefined, checkpointWrites: writes } = options;
    const witness = new ClusterWitness({ client, streams, clock, contradicted, log: warn, ...(writes ? { writes } : {}) });
    return {
      keys,
      approvals: held,
      revocations,
      witness,
      launches: new ClusterLaunches(client, launches),
      async close() {
        for (const each of [keys, held, revocations]) each.close();
        await witness.close();
      },
    } satisfies ServiceStores;
  };

  return {
    approvals,
    launches,
    streams,
    stores: open,
    keys() {
      if (!keyRing) throw new Error('the signing keys are not read yet: open the stores first');
      return keyRing;
    },
    async stop() {
      await Promise.all(reflectors.map((reflector) => reflector.stop()));
    },
  };
}
