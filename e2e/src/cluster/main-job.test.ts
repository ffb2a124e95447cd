/**
 * Given a cluster as users run it (Helm, an identity provider, Kafka, a database), Alice asks a planner; it runs a researcher as a
 * Job, which runs sql-writers as Jobs. See who did what, down to the deepest statement, and that it can be proved.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import type { AuditEvent } from '@cairn/audit';
import { tamperedCopy } from '@cairn/cli';
import type { AgentLaunch, ApprovalObject } from '@cairn/crds';
import { attachCluster, type Cluster } from '../harness/cluster/index.js';
import type { Finished } from '../demo/run.js';
import { isAnswered, isWitnessed, WITNESS_FILE } from './main-job/evidence.js';
import { NAMESPACE, startMainJob, type MainJob } from './main-job/job.js';
import { ROLLOUT_MS } from './main-job/limits.js';
import { answerOf, approve, ask, heldOperation, type Answer } from './main-job/people.js';
import { inDatabase } from './main-job/services.js';
import { until } from './main-job/until.js';

const run = promisify(execFile);
const ALICE = 'alice@example.com';
const PATH = ['research/planner', 'research/researcher', 'research/sql-writer'];

describe('the main job in a cluster', () => {
  let cluster: Cluster;
  let job: MainJob;
  let held: ApprovalObject;
  let answer: Answer;
  let events: AuditEvent[];
  let whole: Finished;
  const folders: string[] = [];

  const folder = async (): Promise<string> => {
    const path = await mkdtemp(join(tmpdir(), 'cairn-main-job-'));
    folders.push(path);
    return path;
  };

  /** The replica that leads, without a word; and the broker. Both come back: the one by its Deployment, the other by us. */
  const killOperatorAndBroker = async (): Promise<void> => {
    await job.kafka.kill();
    const lease = ['get', 'lease', 'cairn-operator', '-n', 'cairn-system', '-o', 'jsonpath={.spec.holderIdentity}'];
    const leader = (await cluster.kubectl(lease)).trim();
    await cluster.kubectl(['delete', 'pod', leader, '-n', 'cairn-system', '--grace-period=0', '--force']);
    await job.kafka.restart();
  };

  /** Until the other replica alone is asked, the API server may turn Bob's decision away; he then types it again. */
  const approved = (): Promise<unknown> =>
    until('a decision that is taken', ROLLOUT_MS, async () => {
      await approve(cluster, held);
      return true;
    });

  before(async () => {
    cluster = await attachCluster();
    const step = (text: string): void => void process.stderr.write(`main job: ${text}\n`);
    job = await startMainJob(cluster, { provider: 'keycloak', folder: await folder(), step });
    const asking = ask(job.planner, await job.provider.login('alice')).then(answerOf);
    // Whoever fails first is told; nobody waits for a write that will not come.
    held = await Promise.race([heldOperation(cluster, NAMESPACE), asking.then(() => assert.fail('nothing was held'))]);
    await killOperatorAndBroker();
    await approved();
    answer = await asking;
    const found = await job.evidence.eventsWhen(ALICE, 'the end of the chain in Kafka', (all) =>
      all.some(({ event }) => isAnswered(event)),
    );
    events = found.map(({ event }) => event);
    whole = await job.evidence.verified(
      'evidence that holds, witnessed to its end',
      ({ code, output }) => code === 0 && isWitnessed(output),
    );
  });
  after(async () => {
    await job?.stop();
    for (const path of folders) await rm(path, { recursive: true, force: true });
  });

  const statements = (stage: AuditEvent['stage'], verb: string): AuditEvent[] =>
    events.filter((event) => event.protocol === 'postgres' && event.stage === stage && event.operation?.verb === verb);

  test('the chain does its work, over an operator and a broker that were killed in the middle of it', async () => {
    assert.deepEqual(
      answer.customers.map(({ name }) => name),
      ['Ada Byron', 'Emmy Noether'],
    );
    assert.deepEqual(
      answer.credited.map(({ credit }) => credit),
      ['15.00', '15.00'],
    );
    assert.equal((await inDatabase(cluster, 'SELECT credit FROM customers WHERE id = 1')).trim(), '15.00');
  });

  test('somebody without a token is refused', async () => {
    const response = await ask(job.planner, undefined);
    await response.body?.cancel();
    assert.equal(response.status, 401);
  });

  test('Alice stands at the root of every event, with her groups and who vouched for her', () => {
    const roots = new Set(events.map(({ root }) => JSON.stringify([root?.iss, root?.name, root?.groups, root?.authn])));
    assert.deepEqual([...roots], [JSON.stringify([job.provider.issuer, ALICE, ['analysts'], 'oidc'])]);
    assert.ok(events.every(({ attribution }) => attribution?.method !== undefined && attribution.method !== 'ambiguous'));
  });

  test('down to the statement at depth 3, in one chain', () => {
    const [select] = statements('intent', 'SELECT');
    assert.deepEqual(select?.launch?.path, PATH);
    assert.equal(select?.launch?.depth, 3);
    assert.equal(select?.attribution?.method, 'pod_launch');
    assert.equal(new Set(events.map(({ launch }) => launch?.chain)).size, 1);
  });

  test('each launch is an object: who, how deep, in which pod', async () => {
    const { items } = await cluster.get<{ items: AgentLaunch[] }>('agentlaunches', '-n', NAMESPACE);
    const chain = items.filter(({ spec }) => spec.launch.chain === events[0]?.launch?.chain).map(({ spec }) => spec);
    const depths = chain.map(({ launch, agent }) => `${launch.depth} ${agent}`).toSorted();
    assert.deepEqual(depths, ['1 planner', '2 researcher', '3 sql-writer', '3 sql-writer']);
    assert.ok(chain.every(({ root }) => root.name === ALICE && root.groups.includes('analysts')));
    const byId = new Map(chain.map((each) => [each.launch.id, each]));
    for (const { launch } of chain) assert.equal(byId.get(launch.parent ?? '')?.launch.depth ?? 0, launch.depth - 1);
  });

  test('the Jobs are in the trail as what the agents did at the API server', () => {
    const made = events.filter(({ protocol, stage, operation }) => {
      return protocol === 'kubernetes' && stage === 'complete' && operation?.verb === 'create';
    });
    assert.deepEqual(
      made.map(({ agent, response }) => [agent?.name, response?.status]),
      [
        ['planner', '201'],
        ['researcher', '201'],
        ['researcher', '201'],
      ],
    );
  });

  test('masks a column of PostgreSQL and members of the CRM', () => {
    const [read] = statements('complete', 'SELECT').filter(({ masked }) => (masked?.length ?? 0) > 0);
    assert.equal(read?.response?.rows, 2);
    assert.ok(answer.customers.every(({ email }) => !email.includes('@')));
    assert.ok(answer.contacts.contacts.every(({ email, phone }) => !email.includes('@') && !phone.includes('+')));
  });

  test('the DROP is denied in the words of PostgreSQL', async () => {
    const [drop] = statements('intent', 'DROP');
    assert.deepEqual([drop?.decision?.action, drop?.decision?.rule], ['Deny', 'no-schema-changes']);
    assert.match(answer.tidied.refused ?? '', /denied by policy/);
    assert.equal((await inDatabase(cluster, "SELECT to_regclass('orders_archive')")).trim(), 'orders_archive');
  });

  test('the write waited for Bob, who decided with kubectl', () => {
    assert.match(held.spec.request.summary, /^UPDATE customers/);
    const decided = events.find(({ stage, decision }) => stage === 'decision' && decision?.approval);
    assert.equal(decided?.decision?.approval?.state, 'approved');
    assert.deepEqual(decided?.decision?.approval?.approvers, ['bob@example.com']);
  });

  test('kcat reads the trail out of Kafka', async () => {
    const [chain] = events.map(({ launch }) => launch?.chain);
    const args = ['-b', job.brokers, '-C', '-t', 'cairn.events.v1', '-o', 'beginning', '-e', '-q', '-f', '%k|%s\\n'];
    const { stdout } = await run('kcat', args, { maxBuffer: 64 * 1024 * 1024 });
    const ids = stdout.split('\n').flatMap((line) => {
      const at = line.indexOf('|');
      return line.slice(0, at) === chain ? [(JSON.parse(line.slice(at + 1)) as AuditEvent).id] : [];
    });
    const missing = events.filter(({ id }) => !ids.includes(id));
    assert.deepEqual(missing, [], 'every event of the chain, keyed by it');
  });

  test('verify holds, and the API server has witnessed every stream to its end; the planner, which serves on, has not closed its own', () => {
    assert.match(whole.output, /integrity {2}held/);
    const running =
      / {2}\S+ of research\/planner: (\d+) events, signed up to \1, witnessed up to \1, .*\n {4}ends without stream\.close\s*$/;
    assert.match(whole.output, new RegExp(`coverage {3}open questions: .*\\n${running.source}`));
  });

  test('names the event that somebody altered in the ledger', async () => {
    const [update] = statements('intent', 'UPDATE');
    const copy = await folder();
    await tamperedCopy(job.evidence.folder, copy, update!.id, ALICE, 'bob@example.com');
    const { code, output } = await job.evidence.cairn('verify', copy, '--witness', WITNESS_FILE);
    assert.equal(code, 1, output);
    assert.ok(output.includes(update!.id), output);
  });

  test('a person who investigates finds it all with the commands of docs/start.md', async () => {
    const { code, output } = await job.evidence.cairn('tree', '--ledger', '.');
    assert.equal(code, 0, output);
    assert.match(output, /alice@example\.com \(analysts\).*\n(.*\n)*.*research\/sql-writer · depth 3/);
  });

  test('helm test passes', async () => {
    const said = await job.installed.helm(['test', 'cairn', '--namespace', 'cairn-system', '--timeout', '2m']);
    assert.match(said, /Phase:\s+Succeeded/);
  });
});
