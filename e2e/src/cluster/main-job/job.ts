/** The main job in a cluster: people at Keycloak, agents as Jobs, a database, evidence in Kafka. Reads as its steps. */
import { installCairn, type CairnInstallation } from '../../harness/cluster/cairn.js';
import type { Cluster } from '../../harness/cluster/index.js';
import { startKafka, type KafkaBroker } from '../../harness/kafka.js';
import { cairn } from '../../demo/run.js';
import { openEvidence, type Evidence } from './evidence.js';
import { applyExamples, type Own } from './examples.js';
import { GONE_MS, POLICY_MS } from './limits.js';
import { startProvider, type Provider, type ProviderKind } from './provider.js';
import { rolledOut, startServices } from './services.js';
import { until } from './until.js';

export const NAMESPACE = 'research';
/** In the order of docs/install.md: a policy before the pods that it is for. */
const SURROUNDINGS = ['research/namespace', 'research/identity', 'research/secrets', 'nested-jobs/policy', 'nested-jobs/people'];
const AGENTS = ['nested-jobs/agents.yaml'];

export interface MainJob {
  readonly cluster: Cluster;
  readonly installed: CairnInstallation;
  readonly provider: Provider;
  readonly kafka: KafkaBroker;
  /** Kafka, as the machine reaches it: `host:port`. */
  readonly brokers: string;
  /** URL of the planner, as people outside of the cluster reach it. */
  readonly planner: string;
  readonly evidence: Evidence;
  /** Takes the examples down again, and what runs outside of the cluster. */
  stop(): Promise<void>;
}

export interface MainJobOptions {
  provider: ProviderKind;
  /** Where the ledger is made. */
  folder: string;
  /** Told of every step that is done. */
  step: (text: string) => void;
}

/** Starts everything but the question. What it started ends with `stop`, or when it fails. */
export async function startMainJob(cluster: Cluster, options: MainJobOptions): Promise<MainJob> {
  const { folder, step } = options;
  await removeExamples(cluster);
  // They need nothing of what is outside, which takes its time to start. Whether they failed is asked below.
  const services = startServices(cluster);
  services.catch(() => undefined);
  const outside = await startOutside(cluster, options);
  const stop = async (): Promise<void> => {
    await removeExamples(cluster);
    await outside.kafka.stop();
    await outside.provider.stop();
  };
  try {
    await services;
    step('PostgreSQL and the CRM run in the cluster');
    const { installed, planner } = await startInside(cluster, outside, step);
    const evidence = await openEvidence(cluster, installed, { brokers: outside.kafka.plaintext, folder });
    return { cluster, installed, ...outside, brokers: outside.kafka.plaintext, planner, evidence, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

interface Outside {
  provider: Provider;
  kafka: KafkaBroker;
}

/** What a company has beside its cluster: where its people log in, and Kafka. */
async function startOutside({ hostAddress }: Cluster, { provider: kind, step }: MainJobOptions): Promise<Outside> {
  const [kafka, provider] = await Promise.all([startBroker(hostAddress), startProvider(kind, hostAddress)]);
  step(`Kafka at ${kafka.plaintext}, with the topics of cairn topics apply`);
  step(`people log in at ${provider.issuer} (${kind})`);
  return { provider, kafka };
}

async function startBroker(address: string): Promise<KafkaBroker> {
  const kafka = await startKafka({ address });
  const topics = ['topics', 'apply', '--brokers', kafka.plaintext, '--replication-factor', '1', '--partitions', '3'];
  const { code, output } = await cairn(topics, process.cwd());
  if (code !== 0) throw new Error(output);
  return kafka;
}

async function startInside(
  cluster: Cluster,
  { provider, kafka }: Outside,
  step: MainJobOptions['step'],
): Promise<{ installed: CairnInstallation; planner: string }> {
  const ports = [443, 6443, Number(new URL(provider.issuer).port)];
  const values = [`sidecar.env.CAIRN_KAFKA_BROKERS=${kafka.plaintext}`, `networkPolicy.egressPorts={${ports.join(',')}}`];
  const installed = await installCairn(cluster, { values });
  step('Cairn is installed by Helm, every replica ready');
  const own: Own = { 'https://login.example.com': provider.issuer };
  await applyExamples(
    cluster,
    SURROUNDINGS.map((name) => `${name}.yaml`),
    own,
  );
  await policyInForce(cluster);
  await applyExamples(cluster, AGENTS, own);
  await rolledOut(cluster, NAMESPACE, 'planner');
  step('the planner runs behind its sidecar');
  return { installed, planner: await plannerUrl(cluster) };
}

function policyInForce(cluster: Cluster): Promise<unknown> {
  return until('the policy to be in force', POLICY_MS, async () => {
    const ready = 'jsonpath={.status.conditions[?(@.type=="Ready")].status}';
    return (await cluster.kubectl(['get', 'auditpolicy', 'research', '-n', NAMESPACE, '-o', ready])) === 'True';
  });
}

async function plannerUrl(cluster: Cluster): Promise<string> {
  const port = await cluster.kubectl(['get', 'service', 'planner', '-n', NAMESPACE, '-o', 'jsonpath={.spec.ports[0].nodePort}']);
  return `http://${cluster.nodeAddress}:${port}`;
}

/** Resolves once the namespaces are gone: pods in them have time to end. */
async function removeExamples(cluster: Cluster): Promise<void> {
  const namespaces = [NAMESPACE, 'data', 'sales'];
  await cluster.kubectl(['delete', 'namespace', ...namespaces, '--ignore-not-found', '--wait=false']);
  await until('the end of the examples of an earlier run', GONE_MS, async () => {
    return (await cluster.kubectl(['get', 'namespace', ...namespaces, '--ignore-not-found', '-o', 'name'])) === '';
  });
}
