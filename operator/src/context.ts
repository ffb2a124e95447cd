/** Configuration -> everything that the operator's parts share. Nothing runs yet. */
import { KubeConfig } from '@kubernetes/client-node';
import { AgentDirectory, PolicyBook } from './agents/index.js';
import { createCaches, type Caches } from './caches.js';
import type { OperatorConfig } from './config/index.js';
import { Elector, EventRecorder, KubernetesClient } from './kubernetes/index.js';
import { createLog, type Log } from './log.js';
import { createMetrics, type OperatorMetrics } from './metrics.js';

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

export function createContext(config: OperatorConfig): OperatorContext {
  const log = createLog(config.logLevel, (line) => process.stderr.write(line));
  const metrics = createMetrics();
  const client = new KubernetesClient(kubeConfig(config.kubeconfig));
  const caches = createCaches(client, log, metrics);
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
    elector,
    readiness: { missing: 'the operator is starting' },
  };
}
