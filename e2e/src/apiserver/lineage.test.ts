import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { AgentLaunch } from '@cairn/crds';
import { runCommand } from '../harness/kubernetes/index.js';
import { install, repositoryFile, type Installation } from './installation.js';
import { address, type Replica } from './replica.js';
import {
  accessToken,
  ask,
  asPod,
  create,
  deployment,
  enroll,
  exchange,
  job,
  launch,
  launchOf,
  operatorCa,
  pod,
  podOf,
  RESEARCH,
  tryCreate,
  workloadToken,
} from './research.js';
import { until } from '../harness/until.js';

const GRANT = 'cairn.dev/grant';
const CLI = repositoryFile('cli/dist/main.js');

describe('a launch is admitted, nested and recorded by the API server', () => {
  let cairn: Installation;
  let alice: string;
  let bob: string;
  const ends: (() => Promise<void>)[] = [];
  before(async () => {
    // The addresses of replicas stand in their certificate for who calls from outside, as `cairn revoke` does.
    const env = { CAIRN_WEBHOOK_URL_BASE: `https://${address()}`, CAIRN_ADMIN_GROUPS: 'system:serviceaccounts:ops' };
    cairn = await install({ after: (end) => void ends.push(end) }, { replicas: 2, env });
    await enroll(cairn.server);
    alice = await cairn.server.user('alice@example.com', ['research', 'analysts']);
    bob = await cairn.server.user('bob@example.com', ['research']);
  });
  after(async () => {
    for (const end of ends) await end();
  });

  test('an agent that creates a Job whose agent creates a Job leads to the person in three steps', async () => {
    const { server } = cairn;
    await create(server, job('planner'), alice);
    const planner = await podOf(server, 'planner');
    assert.deepEqual(
      planner.metadata.ownerReferences?.map(({ kind }) => kind),
      ['Job'],
      'a controller made it',
    );
    const first = await launch(cairn, planner);

    await create(server, job('researcher'), await asPod(server, planner));
    const researcher = await podOf(server, 'researcher');
    const second = await launch(cairn, researcher);

    await create(server, job('sql-writer'), await asPod(server, researcher));
    const third = await launch(cairn, await podOf(server, 'sql-writer'));

    assert.deepEqual(
      [first, second, third].map(({ spec }) => spec.launch.depth),
      [1, 2, 3],
    );
    assert.equal(third.spec.root.name, 'alice@example.com');
    assert.equal(third.spec.root.authn, 'kubernetes');
    assert.ok(third.spec.root.groups.includes('analysts'));
    assert.deepEqual(third.spec.launch.path, ['research/planner', 'research/researcher', 'research/sql-writer']);
    assert.equal(third.spec.launch.parent, second.metadata.name);
    assert.deepEqual(third.spec.ancestors, [first.metadata.name, second.metadata.name]);
    assert.equal(new Set([first, second, third].map(({ spec }) => spec.launch.chain)).size, 1);
  });

  test('a chain does not grow beyond what the policy says', async () => {
    const { server } = cairn;
    const { stderr } = await tryCreate(server, job('fourth'), await asPod(server, await podOf(server, 'sql-writer')));
    assert.match(stderr, /depth/);
  });

  test('an agent may not be launched again below itself', async () => {
    const { server } = cairn;
    const again = { ...job('planner'), metadata: { name: 'again', namespace: RESEARCH } };
    const named = JSON.parse(JSON.stringify(again)) as { spec: { template: { metadata: { annotations?: object } } } };
    named.spec.template.metadata.annotations = { 'cairn.dev/agent': 'planner' };
    const { stderr } = await tryCreate(server, named, await asPod(server, await podOf(server, 'researcher')));
    assert.match(stderr, /loop|already/);
  });

  test("a Deployment's pods are the launch of who created it; a scale changes nothing, an edit is the editor's", async () => {
    const { server } = cairn;
    await create(server, deployment('web'), alice);
    const first = await podOf(server, 'web');
    assert.equal((await launch(cairn, first)).spec.root.name, 'alice@example.com');

    await server.kubectl(['scale', 'deployment', 'web', '--replicas=2', '-n', RESEARCH], { as: bob });
    const second = await podOf(server, 'web', ({ metadata }) => metadata.uid !== first.metadata.uid);
    assert.equal(second.metadata.labels?.['pod-template-hash'], first.metadata.labels?.['pod-template-hash'], 'nothing rolled');
    assert.equal((await launch(cairn, second)).spec.root.name, 'alice@example.com');

    await server.kubectl(['set', 'image', 'deployment/web', 'web=registry.example/web:2', '-n', RESEARCH], { as: bob });
    const edited = await podOf(server, 'web', ({ spec }) => spec.containers.some(({ image }) => image.endsWith('web:2')));
    assert.equal((await launch(cairn, edited)).spec.root.name, 'bob@example.com');
  });

  test("a CronJob's runs are whose who last changed it; one started by hand is whose who started it", async () => {
    const { server } = cairn;
    const { spec } = job('nightly') as { spec: object };
    const cron = {
      apiVersion: 'batch/v1',
      kind: 'CronJob',
      metadata: { name: 'nightly', namespace: RESEARCH },
      spec: { schedule: '0 3 * * *', jobTemplate: { spec } },
    };
    await create(server, cron, alice);
    await server.kubectl(['create', 'job', 'by-hand', '--from=cronjob/nightly', '-n', RESEARCH], { as: bob });
    const byHand = await podOf(server, 'nightly', ({ metadata }) => metadata.name.startsWith('by-hand'));
    assert.equal((await launch(cairn, byHand)).spec.root.name, 'bob@example.com');

    await server.kubectl(['patch', 'cronjob', 'nightly', '-n', RESEARCH, '-p', '{"spec":{"schedule":"* * * * *"}}'], { as: alice });
    // A run that was missed is made up for at once; nobody waits for the minute.
    const status = { lastScheduleTime: new Date(Date.now() - 5 * 60_000).toISOString().replace(/\.\d+/, '') };
    const missed = ['--subresource=status', '--type=merge', '-p', JSON.stringify({ status })];
    await server.kubectl(['patch', 'cronjob', 'nightly', '-n', RESEARCH, ...missed]);
    const scheduled = await podOf(server, 'nightly', ({ metadata }) => metadata.name.startsWith('nightly'));
    assert.equal((await launch(cairn, scheduled)).spec.root.name, 'alice@example.com');
    await server.kubectl(['delete', 'cronjob', 'nightly', '-n', RESEARCH], { as: alice });
  });

  test('a stamp that somebody copied, forged or brought along counts for nothing', async () => {
    const { server } = cairn;
    const planner = await podOf(server, 'planner');
    const stamp = planner.metadata.annotations![GRANT]!;
    const copied = pod('copied');
    copied.metadata.annotations = { [GRANT]: stamp };
    await create(server, copied, bob);
    const bobs = await podOf(server, 'copied');
    assert.notEqual(bobs.metadata.annotations?.[GRANT], stamp);
    assert.equal((await launch(cairn, bobs)).spec.root.name, 'bob@example.com');

    const replayed = await exchange(cairn, bobs, { grant: stamp });
    assert.equal(replayed.status, 400, "another pod's grant");
    const [head, body, signature] = stamp.split('.');
    const claims = JSON.parse(Buffer.from(body!, 'base64url').toString()) as Record<string, unknown>;
    const mine = Buffer.from(JSON.stringify({ ...claims, jti: 'another' })).toString('base64url');
    const forged = await exchange(cairn, planner, { grant: [head, mine, signature].join('.') });
    assert.equal(forged.status, 400);
  });

  test("a pod of another namespace cannot use this namespace's stamp", async () => {
    const { server } = cairn;
    await enroll(server, 'sales');
    const stamp = (await podOf(server, 'planner')).metadata.annotations![GRANT]!;
    const copied = pod('copied', { serviceAccountName: 'default' }, 'sales');
    copied.metadata.annotations = { [GRANT]: stamp };
    await create(server, copied);
    const stored = await server.get<{ metadata: { annotations: Record<string, string> } }>('pod', 'copied', '-n', 'sales');
    assert.notEqual(stored.metadata.annotations[GRANT], stamp);
  });

  test("an agent's token that is bound to no pod, or to a pod that has not launched, launches nothing", async () => {
    const { server } = cairn;
    const unbound = await server.bearer(await server.serviceAccountToken(RESEARCH, 'agents'));
    assert.match((await tryCreate(server, job('by-nobody'), unbound)).stderr, /bound to/);
    await create(server, pod('waiting'), alice);
    const waiting = await podOf(server, 'waiting');
    assert.equal(await launchOf(server, waiting), undefined);
    assert.notEqual((await tryCreate(server, job('too-early'), await asPod(server, waiting))).code, 0);
  });

  test('cairn revoke ends a launch and all below it within two seconds, at every replica', async () => {
    const { server, replicas } = cairn;
    const [planner, researcher] = [await podOf(server, 'planner'), await podOf(server, 'researcher')];
    const first = (await launchOf(server, planner))!.metadata.name;
    const waits = async (replica: Replica) =>
      ask(cairn, '/v1/revocations?after=0&wait=25', { replica, token: await workloadToken(server, researcher) });
    const heard = Promise.all(replicas.map(async (replica) => ({ ...(await waits(replica)), at: Date.now() })));

    const { stdout, stderr } = await runCommand(
      process.execPath,
      [CLI, 'revoke', first, '--reason', 'it went wrong', ...(await onCall())],
      {
        env: {},
      },
    );
    const revoked = Date.now();
    assert.match(stdout, /is revoked by system:serviceaccount:ops:oncall/, stderr);
    for (const { status, text, at } of await heard) {
      assert.equal(status, 200);
      assert.ok(text.includes(first), text);
      assert.ok(at - revoked < 2000, `sidecars heard after ${at - revoked} ms`);
    }
    for (const replica of replicas) assert.equal((await exchange(cairn, researcher, { replica })).body.code, 'revoked');
    for (const each of [planner, researcher]) {
      assert.match((await tryCreate(server, job('afterwards'), await asPod(server, each))).stderr, /revoked/);
    }
  });

  test('kubectl revokes as well, and the API server says who it was', async () => {
    const { server } = cairn;
    const web = await podOf(server, 'web');
    const { name } = (await launchOf(server, web))!.metadata;
    const spec = { revoked: { by: 'somebody else', reason: 'by hand' } };
    const patch = ['patch', 'agentlaunch', name, '-n', RESEARCH, '--type=merge', '-p', JSON.stringify({ spec })];
    await server.kubectl(patch);
    const stored = await server.get<AgentLaunch>('agentlaunch', name, '-n', RESEARCH);
    assert.deepEqual([stored.spec.revoked?.by, stored.spec.revoked?.reason], ['kubernetes-admin', 'by hand']);
    await until('the end of the launch', async () => (await exchange(cairn, web)).body.code === 'revoked', 2000);
  });

  /** Somebody on call: a service account of a group that may revoke, who calls from outside the cluster. */
  async function onCall(): Promise<string[]> {
    const { server, replicas } = cairn;
    const [tokenFile, ca] = [join(server.folder, 'token'), join(server.folder, 'operator-ca.crt')];
    await server.kubectl(['create', 'namespace', 'ops']);
    await server.kubectl(['create', 'serviceaccount', 'oncall', '-n', 'ops']);
    await writeFile(tokenFile, await accessToken(cairn, await server.serviceAccountToken('ops', 'oncall', { audience: 'cairn.dev' })));
    await writeFile(ca, await operatorCa(server));
    return ['--server', replicas[0]!.serviceUrl, '--token-file', tokenFile, '--ca', ca];
  }
});
