/**
 * What becomes of evidence when pods, brokers and operators come and go. Agents ask a counterpart outside of the cluster all the
 * time; after each event, everything that reached it stands in Kafka, once, and what ended in an orderly way ended its stream.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { AuditStream } from '@cairn/crds';
import { applyTopics } from '@cairn/sidecar';
import { installCairn, type CairnInstallation } from '../harness/cluster/cairn.js';
import { attachCluster, type Cluster } from '../harness/cluster/index.js';
import { startKafka, type KafkaBroker } from '../harness/kafka.js';
import { startCounterpart, type Counterpart } from './lifecycle/counterpart.js';
import { BULK_BYTES, EVIDENCE_MS, GONE_MS, HIGH_WATER_MIB, JOB_REQUESTS, POD_MS, QUOTA_MIB } from './lifecycle/limits.js';
import { deployment, job, namespace, NAMESPACE, pod, policy } from './lifecycle/manifests.js';
import { container, deleteByForce, gone, outcome, outOfMemory, running, starve } from './lifecycle/pods.js';
import { mismatches, streamsOf, Trail, type Seen } from './lifecycle/trail.js';
import { until } from './main-job/until.js';

const WORKERS = 2;
/** Beside the Deployment `worker` one for each way in which all pods of a Deployment come to their end, so that these go on side by side. */
const REPLACED = ['rolled', 'evicted', 'drained'] as const;

describe('evidence over the life of pods', () => {
  let cluster: Cluster;
  let kafka: KafkaBroker;
  let counterpart: Counterpart;
  let installed: CairnInstallation;
  let trail: Trail;
  let base: string;

  const install = (...values: string[]): Promise<CairnInstallation> =>
    installCairn(cluster, {
      values: [`sidecar.env.CAIRN_KAFKA_BROKERS=${kafka.plaintext}`, ...values],
      texts: [`sidecar.env.CAIRN_SPOOL_HIGH_WATER_MIB=${HIGH_WATER_MIB}`, `sidecar.env.CAIRN_SPOOL_QUOTA_MIB=${QUOTA_MIB}`],
    });

  const removeNamespace = (): Promise<unknown> =>
    cluster.kubectl(['delete', 'namespace', NAMESPACE, '--ignore-not-found', `--timeout=${GONE_MS / 1000}s`], { timeoutMs: GONE_MS });

  /** Resolves once the agent of a pod has asked so many times more. */
  const works = (name: string, more = 5): Promise<unknown> => {
    const done = counterpart.workOf(name);
    return until(`${name} at work`, POD_MS, async () => counterpart.workOf(name) >= done + more);
  };

  const workers = (): Promise<string[]> => running(cluster, 'worker', WORKERS);

  /** `kubectl wait`, as long as a pod may take. */
  const waited = (...words: string[]): Promise<string> =>
    cluster.kubectl(['wait', '-n', NAMESPACE, ...words, `--timeout=${POD_MS / 1000}s`], { timeoutMs: POD_MS });

  /** Deletes workloads; resolves once their pods are gone too, which ship what they have before. */
  const ended = async (...workloads: string[]): Promise<void> => {
    await cluster.kubectl(['delete', ...workloads, '-n', NAMESPACE, '--ignore-not-found', '--wait=false']);
    await waited('pod', '--for=delete', '-l', `app in (${workloads.map((each) => each.split('/')[1]).join()})`);
  };

  before(async () => {
    cluster = await attachCluster();
    await removeNamespace();
    counterpart = await startCounterpart(cluster.hostAddress);
    base = `http://${cluster.hostAddress}:${counterpart.port}`;
    kafka = await startKafka({ address: cluster.hostAddress });
    await applyTopics({ brokers: [kafka.plaintext] }, { partitions: 3, replicationFactor: 1, retentionDays: 1 }, true);
    installed = await install();
    await cluster.apply([namespace, policy(cluster.hostAddress, counterpart.port)]);
    await cluster.kubectl(['wait', 'auditpolicy/lifecycle', '-n', NAMESPACE, '--for=condition=Ready', '--timeout=120s']);
    const apps = ['worker', ...REPLACED];
    await cluster.apply(apps.map((app) => deployment(app, base, WORKERS)));
    await Promise.all(apps.map(async (app) => Promise.all((await running(cluster, app, WORKERS)).map((name) => works(name)))));
    trail = await Trail.open(cluster, installed, kafka.plaintext);
  });
  after(async () => {
    // In this order: pods that are deleted ship what they have.
    if (cluster) await removeNamespace();
    counterpart?.close();
    await trail?.close();
    await kafka?.stop();
  });

  /** Ends the pods of a Deployment by `end`; each of them is replaced, its stream ended, and nothing of it is missing. */
  const replaced = async (app: (typeof REPLACED)[number], end: (former: string[]) => Promise<unknown>): Promise<void> => {
    const former = await running(cluster, app, WORKERS);
    await end(former);
    await Promise.all((await running(cluster, app, WORKERS, former)).map((name) => works(name)));
    for (const name of former) await gone(cluster, name);
    await trail.holds(counterpart, former);
  };

  // Each of other pods, and all of them long beside what they take of the machine.
  describe('while others come and go', { concurrency: true }, () => {
    after(() => ended(...REPLACED.map((app) => `deployment/${app}`)));

    test('a rolling update', () => replaced('rolled', () => cluster.kubectl(['rollout', 'restart', '-n', NAMESPACE, 'deployment/rolled'])));

    test('an eviction by the API', () =>
      replaced('evicted', async (former) => {
        for (const name of former) {
          const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace: NAMESPACE } };
          const path = `/api/v1/namespaces/${NAMESPACE}/pods/${name}/eviction`;
          await cluster.kubectl(['create', '--raw', path, '-f', '-'], { input: JSON.stringify(eviction) });
        }
      }));

    test('a node that is drained and comes back', () =>
      replaced('drained', async () => {
        const words = ['--pod-selector=app=drained', '--ignore-daemonsets', '--delete-emptydir-data', `--timeout=${POD_MS / 1000}s`];
        try {
          await cluster.kubectl(['drain', cluster.nodeName, ...words], { timeoutMs: POD_MS });
        } finally {
          await cluster.kubectl(['uncordon', cluster.nodeName]);
        }
      }));

    test('a Job, which completes', async () => {
      await cluster.apply([job('errand', base, JOB_REQUESTS)]);
      await waited('job/errand', '--for=condition=Complete');
      const first = ['get', 'pods', '-n', NAMESPACE, '-l', 'app=errand', '-o', 'jsonpath={.items[0].metadata.name}'];
      const name = (await cluster.kubectl(first)).trim();
      assert.equal(counterpart.workOf(name), JOB_REQUESTS);
      assert.equal(counterpart.answeredTo(name), JOB_REQUESTS - 1, 'the last request tells of those before it');
      await trail.holds(counterpart, [name]);
    });

    test('an agent that is killed for its memory: its sidecar goes on in the same stream', async () => {
      const [name] = (await workers()) as [string];
      counterpart.order(name, { eat: true });
      await outOfMemory(cluster, name, 'agent');
      await works(name);
      assert.equal((await container(cluster, name, 'cairn-sidecar')).restartCount, 0);
      assert.equal(streamsOf(name, await trail.holds(counterpart)).length, 1);
    });

    test('a sidecar that is killed for its memory: the next one ships what it left, and its stream is said to have no end', async () => {
      const [, name] = (await workers()) as [string, string];
      // Bodies take memory; once nobody listens any more the agent gets no answer.
      counterpart.order(name, { path: '/bulk/memory', bytes: BULK_BYTES, until: 0 });
      await starve(cluster, name, 'cairn-sidecar');
      await outOfMemory(cluster, name, 'cairn-sidecar');
      await works(name);
      const ends = streamsOf(name, await trail.holds(counterpart)).map(({ closed, gaps }) => ({ closed, gaps: gaps.count }));
      assert.deepEqual(ends, [
        { closed: false, gaps: 0 },
        { closed: false, gaps: 0 },
      ]);
    });
  });

  test('an upgrade of the operator: pods go on, new ones start meanwhile', async () => {
    const former = await workers();
    const upgraded = install('podAnnotations.upgraded=yes');
    await cluster.apply([pod('meanwhile', base)]);
    await Promise.all([upgraded, works('meanwhile'), ...former.map((name) => works(name))]);
    await Promise.all([...former, 'meanwhile'].map((name) => works(name)));
    assert.deepEqual(await workers(), former);
    const annotation = 'jsonpath={.spec.template.metadata.annotations.upgraded}';
    assert.equal(await cluster.kubectl(['get', 'deployment', 'cairn-operator', '-n', installed.namespace, '-o', annotation]), 'yes');
    await trail.holds(counterpart);
  });

  test('Kafka away: Durable work goes on to the high-water mark, Strict work is refused; all arrives after', async () => {
    const [strict, bulk] = (await workers()) as [string, string];
    await cluster.apply([pod('doomed', base)]);
    await works('doomed');
    await kafka.kill();
    counterpart.order(strict, { path: '/strict' });
    await Promise.all([works(bulk), works('doomed')]);
    await Promise.all([refusedStrictly(strict), loseDoomed(), fill(bulk)]);
    await kafka.restart();
    await Promise.all([strict, bulk].map((name) => works(name)));
  });

  /** The order to do Strict work is refused when it was not recorded in time, and other work goes on. */
  const refusedStrictly = async (strict: string): Promise<void> => {
    assert.equal((await outcome(cluster, strict, '/strict')).status, 503);
    assert.ok(![...counterpart.reached.keys()].some((path) => path.startsWith('/strict')), 'it was not sent');
    await works(strict);
  };

  /** Work with bodies, until the spool has so much that more is refused. */
  const fill = async (bulk: string): Promise<void> => {
    counterpart.order(bulk, { path: '/bulk/outage', bytes: BULK_BYTES, until: 503 });
    const { times } = await outcome(cluster, bulk, '/bulk/outage');
    const megabytes = (times * BULK_BYTES) / 1_048_576;
    assert.ok(megabytes > HIGH_WATER_MIB / 2, `refused after ${megabytes} MiB`);
    assert.ok(megabytes < HIGH_WATER_MIB * 2, `refused after ${megabytes} MiB`);
  };

  /** Ends a pod so that its spool goes with it: what it recorded was witnessed, and is nowhere else. */
  const loseDoomed = async (): Promise<void> => {
    counterpart.order('doomed', { rest: true });
    await until('a witness of all that the pod did', EVIDENCE_MS, async () => {
      const { items } = await cluster.get<{ items: AuditStream[] }>('auditstreams', '-n', NAMESPACE);
      const size = items.find(({ spec }) => spec.pod.name === 'doomed')?.status?.lastCheckpoint?.size ?? 0;
      // The stream's beginning; of each request what was asked and what came of it.
      return size >= 1 + 2 * counterpart.workOf('doomed');
    });
    await deleteByForce(cluster, 'doomed');
  };

  test('what was left on a dead pod’s spool is said to be missing; nothing else is', async () => {
    const all = [...counterpart.reached];
    const isDoomed = ([path]: readonly [string, number]): boolean => path.startsWith('/tasks/doomed-');
    const seen = await until('the whole trail', EVIDENCE_MS, async () => {
      const now = await trail.look();
      const { findings } = now.report.integrity;
      const wrong = mismatches(
        all.filter((each) => !isDoomed(each)),
        now,
      );
      if (wrong.length === 0 && findings.length === 1) return now;
      throw new Error([...findings.map(({ sentence }) => sentence), `${wrong.length} mismatches`, ...wrong.slice(0, 5)].join('\n'));
    });
    const lost = mismatches(all.filter(isDoomed), seen);
    const [finding] = seen.report.integrity.findings;
    assert.equal(seen.code, 1);
    assert.equal(finding?.kind, 'truncated');
    assert.deepEqual(
      [finding?.stream],
      streamsOf('doomed', seen).map(({ stream }) => stream),
    );
    // Of each request what was asked and what came of it.
    assert.ok(lost.length > 0 && (finding?.count ?? 0) >= 2 * lost.length, `${finding?.sentence}; ${lost.length} requests are missing`);
  });

  test('a ledger built from Kafka from zero holds the same, and says the same', async () => {
    await ended('deployment/worker', 'pod/meanwhile');
    const rebuilt = await Trail.open(cluster, installed, kafka.plaintext);
    try {
      const [former, again] = [await trail.look(), await rebuilt.look()];
      assert.deepEqual(idsOf(again), idsOf(former));
      assert.equal(new Set(idsOf(again)).size, again.events.length);
      assert.deepEqual(verdictOf(again), verdictOf(former));
    } finally {
      await rebuilt.close();
    }
  });
});

const idsOf = ({ events }: Seen): string[] => events.map(({ id }) => id).toSorted();

/** What was said of the events, without where they were read. */
function verdictOf({ code, report: { integrity, coverage } }: Seen): unknown {
  return { code, coverage, findings: integrity.findings.map((finding) => ({ ...finding, where: undefined })) };
}
