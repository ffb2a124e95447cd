/** The service's state as objects of the cluster, shared by all replicas; each follows it by watching. */
import type { AgentLaunch, ApprovalObject, AuditStream, WitnessedHead } from '@cairn/crds';
import {
  Reflector,
  SECRETS,
  type ApiObject,
  type KubernetesClient,
  type ReflectorOptions,
  type Resource,
  type Secret,
} from '../kubernetes/index.js';
import type { LogEntry } from '../service/http/basics.js';
import type { Problem } from '../service/http/problem.js';
import type { OpenStores, ServiceStores } from '../service/stores.js';
import { ClusterApprovals } from './approvals.js';
import { ClusterAssertions } from './assertions.js';
import { openClusterKeyRing, SIGNING_KEYS, type ClusterKeyRing } from './key-ring.js';
import { ClusterLaunches, ClusterRevocations } from './launches.js';
import { AGENT_LAUNCHES, APPROVALS, AUDIT_STREAMS } from './resources.js';
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
  /** For `OperatorServiceOptions.stores`. */
  readonly stores: OpenStores;
  /** Resolves once the signing keys are read, or made, and everything was listed. May be called again. */
  start(): Promise<void>;
  /** Throws before the start. */
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
  const launches = following(AGENT_LAUNCHES, {
    indexes: { ...byName, chain: ({ spec }) => spec.launch.chain, pod: ({ spec }) => spec.pod.uid },
  });
  const streams = following(AUDIT_STREAMS, { indexes: { ...byName, pod: ({ spec }) => spec.pod.uid } });
  const secrets = following<Secret>(SECRETS, { namespace, fieldSelector: `metadata.name=${SIGNING_KEYS}` });
  const reflectors = [approvals, launches, streams, secrets];
  let keyRing: ClusterKeyRing | undefined;

  const begin = async (): Promise<void> => {
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
  };
  let started: Promise<void> | undefined;
  const start = (): Promise<void> => (started ??= begin());
  const keysOf = (): ClusterKeyRing => {
    if (!keyRing) throw new Error('the signing keys are not read yet: start the state first');
    return keyRing;
  };

  const open: OpenStores = async (notify) => {
    await start();
    const keys = keysOf();
    const held = new ClusterApprovals({ client, approvals, keys, clock, notify, log: warn });
    const revocations = new ClusterRevocations(client, launches, notify);
    const assertions = new ClusterAssertions({ client, namespace, clock, log: warn });
    const { contradicted = () => undefined, checkpointWrites: writes } = options;
    const witness = new ClusterWitness({ client, streams, clock, contradicted, log: warn, ...(writes ? { writes } : {}) });
    return {
      keys,
      approvals: held,
      revocations,
      witness,
      launches: new ClusterLaunches(client, launches),
      assertions,
      async close() {
        for (const each of [held, revocations]) each.close();
        await Promise.all([witness.close(), assertions.close()]);
      },
    } satisfies ServiceStores;
  };

  return {
    approvals,
    launches,
    streams,
    stores: open,
    start,
    keys: keysOf,
    async stop() {
      keyRing?.close();
      await Promise.all(reflectors.map((reflector) => reflector.stop()));
    },
  };
}
