/**
 * Given strict mode on a real node, in a namespace under Pod Security `restricted`: agents reach their targets through the gateway and
 * no other way, who did what is told over the hop, and a replica that is killed takes its open sessions with it and nothing else.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { AuditEvent } from '@cairn/audit';
import { CAIRN_NAMESPACE } from '../harness/cluster/cairn.js';
import { attachCluster, type Cluster } from '../harness/cluster/index.js';
import { until } from '../harness/until.js';
import { approve, heldOperation } from './main-job/people.js';
import { childJob, DATA, DEPLOYER, NAMESPACE, ROLE, WEB } from './gateway/objects.js';
import { World, type Place, type Said, type StoredPod } from './gateway/world.js';

const GATEWAY = `cairn-gateway.${CAIRN_NAMESPACE}.svc`;
const SIDECAR = 'cairn-sidecar';
/** A killed replica's workers go on by the other one, and it is replaced. On a busy machine. */
const RECOVERY_MS = 120_000;
const POLL_MS = 500;
/** Rows that a worker has acknowledged before, and again after, a replica is killed. */
const ROWS = 5;

interface Answer {
  from: string;
  presented?: string;
}

describe('strict mode in a cluster', { timeout: 900_000 }, () => {
  let cluster: Cluster;
  let world: World;
  let folder: string;

  before(async () => {
    cluster = await attachCluster();
    folder = await mkdtemp(join(tmpdir(), 'cairn-strict-'));
    world = new World(cluster, join(folder, 'ledger'));
    await world.open();
  });
  after(async () => {
    await world?.close();
    await rm(folder, { recursive: true, force: true });
  });

  const inSidecar: Place = { pod: 'caller', container: SIDECAR };
  const inAgent: Place = { pod: 'caller', container: 'main' };
  const curl = (path: string): Promise<string> => world.inAgent('caller', 'curl', '-sS', '--max-time', '60', `http://${WEB}${path}`);
  const psql = (sql: string): Promise<string> => world.inAgent('caller', 'psql', '-XqAt', '-U', 'anybody', '-d', 'orders', '-c', sql);
  const addresses = (pods: readonly StoredPod[]): string[] => pods.flatMap(({ status }) => (status.podIPs ?? []).map(({ ip }) => ip));
  const gatewayPlace = ({ metadata }: StoredPod): Place => ({ namespace: CAIRN_NAMESPACE, pod: metadata.name, container: 'gateway' });

  test('a web server is asked by the gateway, with a credential', async () => {
    const { from, presented } = JSON.parse(await curl('/hello')) as Answer;
    assert.ok(addresses(await world.gateways()).includes(from), `asked by ${from}, which is no gateway`);
    assert.equal(presented, createHash('sha256').update(`Bearer ${world.credentials.bearer}`).digest('hex'));
  });

  test('a database is asked by the gateway, as the role that it presents', async () => {
    const [role, address] = (await psql('select current_user, host(inet_client_addr())')).trim().split('|');
    assert.equal(role, ROLE);
    assert.ok(addresses(await world.gateways()).includes(address!), `asked by ${address}, which is no gateway`);
  });

  test('a statement is cancelled: what cancels it meets the replica that runs it', async () => {
    const running = world.inAgent(
      'caller',
      'sh',
      '-c',
      'echo $$ > /tmp/psql.pid; exec psql -XqAt -U anybody -d orders -c "select pg_sleep(600)"',
    );
    const failed = assert.rejects(running, /canceling statement due to user request/);
    const active = "select 1 from pg_stat_activity where state = 'active' and query like 'select pg_sleep%'";
    await until('the statement to run', async () => (await world.inDatabase(active)).length > 0, RECOVERY_MS, POLL_MS);
    await world.inAgent('caller', 'sh', '-c', 'kill -INT $(cat /tmp/psql.pid)');
    await failed;
  });

  test('no credential is in the pod: not in its spec, its files or its environments; at the gateway the same search finds them', async () => {
    const sought = Object.values(world.credentials);
    const search = async (place: Place): Promise<{ searched: number; found: string[] }> =>
      JSON.parse(await world.run(place, 'search', { given: { sought } })) as { searched: number; found: string[] };
    const spec = JSON.stringify(await cluster.get('pod', 'caller', '-n', NAMESPACE));
    assert.doesNotMatch(spec, new RegExp([...sought, 'strict-web', 'strict-orders', 'cairn-credential'].join('|')));
    const [replica] = await world.gateways();
    const held = (await search(gatewayPlace(replica!))).found.filter((file) => !file.includes('/..'));
    assert.deepEqual(held.toSorted(), [
      `/etc/cairn/credentials/${NAMESPACE}/orders/password`,
      `/etc/cairn/credentials/${NAMESPACE}/web/token`,
    ]);
    for (const place of [inSidecar, inAgent]) {
      const { searched, found } = await search(place);
      assert.deepEqual(found, [], place.container);
      assert.ok(searched > 10, `${searched} files of ${place.container} were read`);
    }
  });

  test('Pod Security restricted holds, and nobody writes to a root: not the agent, its sidecar or the gateway', async () => {
    for (const namespace of [NAMESPACE, CAIRN_NAMESPACE]) {
      const { metadata } = await cluster.get<{ metadata: { labels: Record<string, string> } }>('namespace', namespace);
      assert.equal(metadata.labels['pod-security.kubernetes.io/enforce'], 'restricted');
    }
    const [replica] = await world.gateways();
    for (const place of [inAgent, inSidecar, gatewayPlace(replica!)]) {
      assert.match(await world.run(place, 'write', { args: ['/written'] }), /^EROFS/, place.container);
    }
  });

  test('the way to a target itself is dropped on the network, for the agent and for its sidecar; and the gateway for whoever is no agent', async () => {
    const web = addresses(await world.pods(DATA, 'app=web'));
    const { spec } = await cluster.get<{ spec: { clusterIPs: string[] } }>('service', 'web', '-n', DATA);
    const stranger: Place = { namespace: DATA, pod: 'stranger', container: 'main' };
    type Destination = readonly [host: string, port: number];
    const connect = async (place: Place, ...to: Destination[]): Promise<string[]> =>
      (await world.run(place, 'connect', { args: to.flat().map(String) })).trim().split('\n');
    const dropped = async (place: Place, to: Destination[], behind: readonly string[]): Promise<void> => {
      const what = `${place.container} of ${place.pod} to ${to.join(' and ')}`;
      const began = new Date();
      assert.deepEqual(
        await connect(place, ...to),
        to.map(() => 'timed out'),
        what,
      );
      for (const address of behind) {
        await until(`Cilium's word on ${what}, at ${address}`, async () =>
          (await cluster.drops(began)).some(({ reason, destination }) => destination === address && /policy denied/i.test(reason)),
        );
      }
    };
    const ways: Destination[] = web.map((address) => [address, 8080]);
    const services: Destination[] = spec.clusterIPs.map((address) => [address, 80]);
    const open = await connect(stranger, ...ways, ...services);
    assert.deepEqual([...new Set(open)], ['connected'], 'the control: so that what follows can fail');
    for (const place of [inAgent, inSidecar]) await dropped(place, [...ways, ...services], web);
    assert.deepEqual(await connect(inAgent, [GATEWAY, 8444]), ['connected']);
    const replicas = addresses(await world.gateways());
    await dropped(
      stranger,
      replicas.map((address) => [address, 8444]),
      replicas,
    );
  });

  test('a hop takes a certificate of the operator’s and a launch of the same pod: none, or another pod’s, is refused', async () => {
    type Heard = { error?: string; text?: string; token?: string };
    const hop = async (pod: string, given: object): Promise<Heard> =>
      JSON.parse(
        await world.run({ pod, container: SIDECAR }, 'hop', { given: { gateway: GATEWAY, host: WEB, path: '/hop', ...given } }),
      ) as Heard;
    assert.match((await hop('other', { certificate: 'own' })).text ?? '', /200 OK/);
    assert.match((await hop('other', { certificate: 'none' })).error ?? '', /alert|hang up|ECONNRESET|EPIPE/i);
    const { token } = await hop('caller', { wants: 'token' });
    assert.ok(token);
    assert.match((await hop('other', { certificate: 'own', token })).text ?? '', /403 Forbidden[^]*minted for another pod/);
  });

  test('a statement is held at the gateway until somebody approves it', async () => {
    const removed = psql("delete from done where who = 'nobody' returning 1; select 'approved'");
    const held = await heldOperation(cluster, NAMESPACE);
    assert.equal(held.spec.request.actor.agent.name, 'caller');
    await approve(cluster, held);
    assert.equal((await removed).trim(), 'approved');
  });

  test('the API server is asked through the gateway, and what an agent creates there belongs to its launch', async () => {
    const kubectl = (command: string): string[] => ['sh', '-c', `kubectl --cache-dir=/tmp/kubectl ${command}`];
    assert.match(await world.inAgent('caller', ...kubectl('get pods -o name')), /pod\/caller/);
    const script = `cat <<'JOB' | kubectl --cache-dir=/tmp/kubectl create -f -\n${JSON.stringify(childJob())}\nJOB`;
    await world.inAgent('caller', 'sh', '-c', script);
    await cluster.kubectl(['wait', '-n', NAMESPACE, '--for=condition=Complete', 'job/child', '--timeout=180s']);
  });

  /** The gateway by which each worker goes; what each said until now. */
  const standing = async (): Promise<{ by: Map<string, string>; spoken: Map<string, number> }> => {
    const by = await world.spread();
    await until(
      `${ROWS} rows of each worker`,
      async () => (await Promise.all([...by.keys()].map((worker) => world.said(worker)))).every((said) => rowsOf(said).length >= ROWS),
      RECOVERY_MS,
      POLL_MS,
    );
    const spoken = new Map<string, number>();
    for (const worker of by.keys()) spoken.set(worker, (await world.said(worker)).length);
    return { by, spoken };
  };

  /** Every worker goes on; those of the killed replica alone had to begin a new session. */
  const goOn = async ({ by, spoken }: Awaited<ReturnType<typeof standing>>, killed: readonly string[]): Promise<void> => {
    for (const [worker, address] of by) {
      const since = await until(
        `rows of ${worker} after its replica was killed`,
        async () => {
          const said = (await world.said(worker)).slice(spoken.get(worker));
          const isBack = !killed.includes(address) || said.some((each) => 'broken' in each);
          return isBack && rowsOf(said.slice(said.findLastIndex((each) => 'broken' in each) + 1)).length > ROWS && said;
        },
        RECOVERY_MS,
        POLL_MS,
      );
      const broken = since.filter((each) => 'broken' in each);
      assert.equal(
        broken.length > 0,
        killed.includes(address),
        `${worker} by ${address}, killed ${killed.join()}: ${JSON.stringify(broken)}`,
      );
    }
  };

  const victimOf = async ({ by }: { by: Map<string, string> }): Promise<StoredPod> => {
    const [address] = by.values();
    return (await world.gateways()).find((pod) => addresses([pod]).includes(address!))!;
  };

  /** Everything that was acknowledged to workers, and stands in no intent of a gateway. */
  const unrecorded = (
    what: 'rows' | 'rows and paths',
    acknowledged: ReadonlyMap<string, readonly Said[]>,
    events: readonly AuditEvent[],
  ): string[] => {
    const intents = events.filter(({ stage }) => stage === 'intent');
    const recorded = new Set(intents.flatMap(({ operation }) => [operation?.statement ?? '', operation?.resource ?? '']));
    const expected = [...acknowledged].flatMap(([worker, said]) => [
      ...rowsOf(said).map((row) => `insert into done values ('${worker}', ${row}) returning number;`),
      ...(what === 'rows' ? [] : said.flatMap((each) => ('path' in each ? [each.path] : []))),
    ]);
    assert.ok(expected.length > 0);
    return expected.filter((each) => !recorded.has(each));
  };

  const saidByAll = async (): Promise<Map<string, Said[]>> => {
    const all = new Map<string, Said[]>();
    for (const worker of await world.workers()) all.set(worker, await world.said(worker));
    return all;
  };

  const recordedAll = async (
    what: Parameters<typeof unrecorded>[0],
    acknowledged: ReadonlyMap<string, readonly Said[]>,
  ): Promise<AuditEvent[]> => {
    const stored = await world.evidence.eventsWhen(DEPLOYER, `an intent of everything that was acknowledged (${what})`, (all) => {
      const missing = unrecorded(
        what,
        acknowledged,
        all.map(({ event }) => event),
      );
      if (missing.length > 0) throw new Error(`missing are ${missing.length}: ${missing.slice(0, 5).join('; ')}`);
      return true;
    });
    return stored.map(({ event }) => event);
  };

  let events: AuditEvent[];

  test('a replica whose process is killed ends its own sessions and loses nothing: its spool goes on', async () => {
    const stood = await standing();
    const victim = await victimOf(stood);
    const { containerID = '', restartCount } = victim.status.containerStatuses![0]!;
    await cluster.nodeExec([
      'ctr',
      '--namespace',
      'k8s.io',
      'task',
      'kill',
      '--signal',
      'SIGKILL',
      containerID.replace('containerd://', ''),
    ]);
    await goOn(stood, addresses([victim]));
    const again = (await world.gateways()).find(({ metadata }) => metadata.uid === victim.metadata.uid);
    assert.ok(again!.status.containerStatuses![0]!.restartCount > restartCount, 'it was killed');
    await world.ready(CAIRN_NAMESPACE, 'app.kubernetes.io/component=gateway', 2);
    const acknowledged = await saidByAll();
    await world.scale(0);
    events = await recordedAll('rows and paths', acknowledged);
  });

  test('who did what is told over the hop: one launch in the streams of both, and a child below its parent', async () => {
    const asked = events.find(({ stage, operation }) => stage === 'intent' && operation?.resource === '/hello')!;
    assert.deepEqual(
      [asked.agent.name, asked.agent.namespace, asked.root?.name, asked.attribution?.method, asked.launch?.path],
      ['caller', NAMESPACE, DEPLOYER, 'pod_launch', [`${NAMESPACE}/caller`]],
    );
    const handedOver = events.find(({ id }) => id === asked.cause)!;
    assert.deepEqual(
      [handedOver.operation?.verb, handedOver.operation?.resource, handedOver.launch?.id],
      ['CONNECT', `${WEB}:80`, asked.launch?.id],
    );
    assert.notEqual(handedOver.integrity.stream, asked.integrity.stream, 'each stream has one writer');
    const created = events.find(
      ({ stage, protocol, operation }) => stage === 'intent' && protocol === 'kubernetes' && operation?.verb === 'create',
    )!;
    const child = events.find(({ stage, operation }) => stage === 'intent' && operation?.resource === '/child')!;
    assert.deepEqual(
      [child.root?.name, child.launch?.depth, child.launch?.path, child.launch?.chain],
      [DEPLOYER, 2, [`${NAMESPACE}/caller`, `${NAMESPACE}/child`], created.launch?.chain],
    );
    const removed = events.find(({ stage, operation }) => stage === 'intent' && operation?.verb === 'DELETE')!;
    assert.equal(removed.decision?.rule, 'removals');
  });

  test('the evidence of sidecars and gateways, the killed one’s too, verifies', async () => {
    const { output } = await world.evidence.verified('evidence that holds', ({ code }) => code === 0);
    assert.match(output, new RegExp(`of ${CAIRN_NAMESPACE}/cairn-gateway`));
    assert.match(output, new RegExp(`of ${NAMESPACE}/caller`));
  });

  test('a replica that is deleted without grace, and its spool with it, takes along nothing that was Strict', async () => {
    const stood = await standing();
    const victim = await victimOf(stood);
    await cluster.kubectl(['delete', 'pod', victim.metadata.name, '-n', CAIRN_NAMESPACE, '--grace-period=0', '--force']);
    await goOn(stood, addresses([victim]));
    const replicas = await world.ready(CAIRN_NAMESPACE, 'app.kubernetes.io/component=gateway', 2);
    assert.ok(!replicas.some(({ metadata }) => metadata.uid === victim.metadata.uid));
    await recordedAll('rows', await saidByAll());
  });
});

function rowsOf(said: readonly Said[]): number[] {
  return said.flatMap((each) => ('row' in each ? [each.row] : []));
}
