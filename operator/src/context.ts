/** Configuration -> everything that the operator's parts share. Nothing runs yet. */
import type { AuditStream } from '@cairn/crds';
import { KubeConfig } from '@kubernetes/client-node';
import { AgentDirectory, PolicyBook } from './agents/index.js';
import { createCaches, type Caches } from './caches.js';
import type { OperatorConfig } from './config/index.js';
import { DEFAULT_LIFETIMES } from './controllers/certificates/limits.js';
import { Elector, EventRecorder, KubernetesClient } from './kubernetes/index.js';
import { createLog, type Log } from './log.js';
import { createMetrics, type OperatorMetrics } from './metrics.js';
import { AUDIT_STREAMS, openClusterState, openServing, type ClusterState, type Serving } from './state/index.js';

export interface OperatorContext {
  readonly config: OperatorConfig;
  readonly log: Log;
  readonly metrics: OperatorMetrics;
  /** For every replica; what only the leader may do goes through the client of its leadership. */
  readonly client: KubernetesClient;
  readonly caches: Caches;
  readonly policies: PolicyBook;
  readonly agents: AgentDirectory;
  readonly events: EventRecorder;
  /** What the service keeps, as objects of the cluster. */
  readonly state: ClusterState;
  /** The certificate of every server of ours. */
  readonly serving: Serving;
  readonly elector: Elector;
  /** What the operator still lacks to answer; undefined: nothing. */
  readonly readiness: { missing: string | undefined };
}

function kubeConfig(file: string | undefined): KubeConfig {
  const config = new KubeConfig();
  if (file === undefined) config.loadFromCluster();
  else config.loadFromFile(file);
  return config;
}

/** Names by which sidecars and the API server reach us. */
function servingNames({ namespace, issuer, webhook: { urlBase } }: OperatorConfig): string[] {
  const service = `cairn-operator.${namespace}.svc`;
  const urls = [issuer, ...(urlBase === undefined ? [] : [urlBase])];
  const hosts = urls.map((url) => new URL(url).hostname.replace(/^\[|\]$/g, ''));
  return [...new Set([service, `${service}.cluster.local`, 'localhost', ...hosts])];
}

/** Two histories of one stream: somebody has the stream's key and writes a second one. */
function tellContradiction(events: EventRecorder, log: Log): (stream: AuditStream) => void {
  return ({ metadata }) => {
    const note = 'the sidecar signed two histories of this stream; compare it with what the ledger holds: cairn verify --witness';
    log({ level: 'error', message: 'stream forked', stream: metadata.name, namespace: metadata.namespace });
    events.record({ resource: AUDIT_STREAMS, metadata }, { type: 'Warning', reason: 'StreamForked', action: 'Witness', note });
  };
}

export function createContext(config: OperatorConfig): OperatorContext {
  const log = createLog(config.logLevel, (line) => process.stderr.write(line));
  const metrics = createMetrics();
  const client = new KubernetesClient(kubeConfig(config.kubeconfig));
  const caches = createCaches(client, config, log, metrics);
  const policies = new PolicyBook(caches.policies, caches.providers);
  const events = new EventRecorder(client, { instance: config.podName, log });
  const lease = { namespace: config.namespace, name: 'cairn-operator' };
  const elector = new Elector(client, { lease, identity: config.podName, log });
  metrics.watchEvents(events);
  metrics.watchLeader(() => elector.leading);
  return {
    config,
    log,
    metrics,
    client,
    caches,
    policies,
    agents: new AgentDirectory(client, caches.pods, policies),
    events,
    state: openClusterState({ client, namespace: config.namespace, log, contradicted: tellContradiction(events, log) }),
    serving: openServing({ client, namespace: config.namespace, names: servingNames(config), lifetimes: DEFAULT_LIFETIMES, log }),
    elector,
    readiness: { missing: 'the operator is starting' },
  };
}
