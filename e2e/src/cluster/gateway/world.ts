/** Strict mode in a cluster, from nothing to agents that work: Kafka, Cairn with two gateways, targets, agents. Reads as its steps. */
import { randomBytes } from 'node:crypto';
import { CAIRN_NAMESPACE, installCairn } from '../../harness/cluster/cairn.js';
import type { Cluster } from '../../harness/cluster/index.js';
import { buildPostgres, buildToolbox } from '../../harness/images/index.js';
import { startKafka, type KafkaBroker } from '../../harness/kafka.js';
import { until } from '../../harness/until.js';
import { cairn } from '../../demo/run.js';
import { openEvidence, type Evidence } from '../main-job/evidence.js';
import * as objects from './objects.js';

const GATEWAY_PODS = 'app.kubernetes.io/component=gateway';
/** A pod with a sidecar, on a busy machine. */
const READY_MS = 180_000;
const POLL_MS = 250;
/** Workers among which both replicas are sure to have one: each new one is as likely to meet the other replica as not. */
const MOST_WORKERS = 12;
const FIRST_WORKERS = 3;
const WAIT = '--timeout=180s';

export interface StoredPod {
  metadata: { name: string; uid: string };
  spec: unknown;
  status: {
    podIPs?: { ip: string }[];
    conditions?: { type: string; status: string }[];
    containerStatuses?: { name: string; containerID?: string; restartCount: number }[];
  };
}

/** A container; of an agent where no namespace is named. */
export interface Place {
  namespace?: string;
  pod: string;
  container: string;
}

/** What a worker said on its log, in order. */
export type Said =
  | { session: string }
  | { row: number }
  | { path: string }
  | { unanswered: string; why: unknown }
  | { broken: number; why: string };

export class World {
  #kafka: KafkaBroker | undefined;
  #evidence: Evidence | undefined;
  readonly credentials = { bearer: `bearer-${randomBytes(12).toString('hex')}`, password: `password-${randomBytes(12).toString('hex')}` };

  constructor(
    readonly cluster: Cluster,
    /** Where the ledger is made. */
    private readonly folder: string,
  ) {}

  get evidence(): Evidence {
    return this.#evidence!;
  }

  async open(): Promise<void> {
    const { cluster } = this;
    await this.#gone();
    for (const { archive } of [await buildToolbox(), await buildPostgres()]) await cluster.importImage(archive);
    await cluster.apply(objects.targets(this.credentials));
    await this.#install();
    await cluster.apply(objects.surroundings());
    await this.ready(objects.DATA, 'app in (web,orders,stranger)', 3);
    await cluster.kubectl(['-n', objects.NAMESPACE, 'wait', '--for=condition=Fenced', 'auditpolicy/strict', WAIT]);
    await this.#deploy([objects.idleAgent('caller'), objects.idleAgent('other'), objects.workers(FIRST_WORKERS)]);
    await this.ready(objects.NAMESPACE, 'app in (caller,other)', 2);
  }

  async close(): Promise<void> {
    // Agents first: a gateway waits for the connections that are open.
    await this.cluster.tryKubectl(['delete', 'deployment/worker', '-n', objects.NAMESPACE, '--cascade=foreground', WAIT], {
      timeoutMs: READY_MS,
    });
    await this.cluster.tryKubectl(['scale', '-n', CAIRN_NAMESPACE, 'deployment/cairn-gateway', '--replicas=0']);
    await this.cluster.kubectl(['wait', '-n', CAIRN_NAMESPACE, '--for=delete', 'pod', '-l', GATEWAY_PODS, WAIT], { timeoutMs: READY_MS });
    await this.#gone();
    await this.cluster.kubectl(['delete', 'secret', ...Object.values(objects.SECRETS), '-n', CAIRN_NAMESPACE, '--ignore-not-found']);
    await this.#kafka?.stop();
  }

  /** Kafka on the machine; Cairn ships there, and has two gateways. */
  async #install(): Promise<void> {
    const { cluster, credentials } = this;
    const kafka = (this.#kafka = await startKafka({ address: cluster.hostAddress }));
    const topics = ['topics', 'apply', '--brokers', kafka.plaintext, '--replication-factor', '1', '--partitions', '3'];
    const { code, output } = await cairn(topics, process.cwd());
    if (code !== 0) throw new Error(output);
    await cluster.apply(objects.secrets(CAIRN_NAMESPACE, credentials));
    const held = Object.entries(objects.SECRETS).flatMap(([name, secret], index) =>
      Object.entries({ namespace: objects.NAMESPACE, name, secret }).map(([key, value]) => `gateway.credentials[${index}].${key}=${value}`),
    );
    const values = ['gateway.enabled=true', 'gateway.resources.requests.cpu=50m', `sidecar.env.CAIRN_KAFKA_BROKERS=${kafka.plaintext}`];
    const installed = await installCairn(cluster, { values: [...values, ...held] });
    this.#evidence = await openEvidence(cluster, installed, {
      brokers: kafka.plaintext,
      folder: this.folder,
      namespaces: [objects.NAMESPACE, CAIRN_NAMESPACE],
    });
  }

  /** As Alice. Whoever comes before the operator's caches have the policy is refused, and comes again. */
  async #deploy(agents: readonly object[]): Promise<void> {
    const as = await this.cluster.user(objects.DEPLOYER);
    await until('agents to be admitted', async () => Boolean(await this.cluster.apply(agents, { as })), READY_MS, POLL_MS);
  }

  /** With the witness of gateways, which is in no namespace of the suite's: others' Kafka holds nothing of theirs. */
  async #gone(): Promise<void> {
    await this.cluster.tryKubectl(['delete', 'auditstreams', '--all', '-n', CAIRN_NAMESPACE]);
    await this.cluster.kubectl(['delete', 'namespace', objects.NAMESPACE, objects.DATA, '--ignore-not-found', WAIT]);
  }

  pods(namespace: string, selector: string): Promise<StoredPod[]> {
    return this.cluster.get<{ items: StoredPod[] }>('pods', '-n', namespace, '-l', selector).then(({ items }) => items);
  }

  gateways(): Promise<StoredPod[]> {
    return this.pods(CAIRN_NAMESPACE, GATEWAY_PODS);
  }

  /** Resolves to the pods once so many are ready. */
  ready(namespace: string, selector: string, count: number): Promise<StoredPod[]> {
    const isReady = ({ status }: StoredPod): boolean =>
      status.conditions?.some((each) => each.type === 'Ready' && each.status === 'True') ?? false;
    return until(
      `${count} ready pods with ${selector} in ${namespace}`,
      async () => {
        const found = (await this.pods(namespace, selector)).filter(isReady);
        return found.length >= count && found;
      },
      READY_MS,
      POLL_MS,
    );
  }

  /** A command in the agent's container of a pod; resolves to what it printed. */
  inAgent(pod: string, ...argv: string[]): Promise<string> {
    return this.cluster.kubectl(['exec', '-n', objects.NAMESPACE, pod, '-c', 'main', '--', ...argv]);
  }

  /** One of the suite's programs in any container with Node. `given`: what it is told beside its arguments, which a list of processes does not show. */
  run(
    { namespace = objects.NAMESPACE, pod, container }: Place,
    name: string,
    { args = [], given }: { args?: readonly string[]; given?: object } = {},
  ): Promise<string> {
    const input = `${given ? `const given = ${JSON.stringify(given)};\n` : ''}${objects.program(name)}`;
    const argv = ['exec', '-i', '-n', namespace, pod, '-c', container, '--', 'node', '--input-type=module', '-', ...args];
    return this.cluster.kubectl(argv, { input });
  }

  async workers(): Promise<string[]> {
    return (await this.pods(objects.NAMESPACE, 'app=worker')).map(({ metadata }) => metadata.name);
  }

  async said(worker: string): Promise<Said[]> {
    const log = await this.cluster.kubectl(['logs', '-n', objects.NAMESPACE, worker, '-c', 'main']);
    return log.split('\n').flatMap((line) => (line.startsWith('{') ? [JSON.parse(line) as Said] : []));
  }

  /** So many workers, none at all included. */
  async scale(replicas: number): Promise<void> {
    const as = await this.cluster.user(objects.DEPLOYER);
    await this.cluster.kubectl(['scale', '-n', objects.NAMESPACE, 'deployment/worker', `--replicas=${replicas}`], { as });
    if (replicas === 0) await this.cluster.kubectl(['wait', '-n', objects.NAMESPACE, '--for=delete', 'pod', '-l', 'app=worker', WAIT]);
  }

  /** Address of the gateway by which each worker's session goes now, as the database sees it. */
  async sessions(): Promise<Map<string, string>> {
    const found = new Map<string, string>();
    for (const worker of await this.workers()) {
      const last = (await this.said(worker)).findLast((each) => 'session' in each || 'broken' in each);
      if (last && 'session' in last) found.set(worker, last.session);
    }
    return found;
  }

  /** Starts workers until sessions go by two replicas: a Service keeps a pod at one, drawn at random. */
  async spread(): Promise<Map<string, string>> {
    for (let replicas = FIRST_WORKERS; ; replicas++) {
      await this.scale(replicas);
      await this.ready(objects.NAMESPACE, 'app=worker', replicas);
      const sessions = await until(
        `${replicas} workers with a session`,
        async () => {
          const found = await this.sessions();
          return found.size >= replicas && found;
        },
        READY_MS,
        POLL_MS,
      );
      if (new Set(sessions.values()).size > 1) return sessions;
      if (replicas >= MOST_WORKERS) throw new Error(`${replicas} workers, and all go by ${[...sessions.values()][0]}`);
    }
  }

  /** SQL in the database as its owner; resolves to the rows, one a line. */
  async inDatabase(sql: string): Promise<string[]> {
    const psql = ['psql', '-X', '-q', '-A', '-t', '-F', ' ', '-U', 'postgres', '-h', '/tmp', '-d', 'orders', '-c', sql];
    const output = await this.cluster.kubectl(['exec', '-n', objects.DATA, 'orders', '--', ...psql]);
    return output.split('\n').filter(Boolean);
  }
}
