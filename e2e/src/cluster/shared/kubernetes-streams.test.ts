/** kubectl's streams through a sidecar to a real kubelet: exec on a terminal and without, cp, port-forward, logs -f, attach. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { after, before, describe, it } from 'node:test';
import type { AuditEvent } from '@cairn/audit';
import { attachCluster } from '../../harness/cluster/index.js';
import { runCommand } from '../../harness/kubernetes/index.js';
import { pythonWithKubernetes } from '../../harness/python.js';
import { start } from '../../harness/running.js';
import { NAMESPACE, startAgent, type Agent } from '../kubernetes-streams/agent.js';
import { assertTold, larger, onTerminal, workAt } from '../kubernetes-streams/shell.js';

const PYTHON_AGENT = fileURLToPath(new URL('../../../testdata/kubernetes/agent.py', import.meta.url));

/** What remote commands travel in: kubectl's default, and what it falls back to. */
const TRANSPORTS = [
  ['WebSocket', {}],
  ['SPDY/3.1', { KUBECTL_REMOTE_COMMAND_WEBSOCKETS: 'false' }],
] as const;

describe("kubectl's streams through a sidecar to a kubelet", () => {
  let agent: Agent;
  before(async () => {
    agent = await startAgent(await attachCluster());
  });
  after(() => agent?.stop());

  for (const [transport, env] of TRANSPORTS) {
    it(`over ${transport}, a shell on a terminal replays keystroke by keystroke, with its sizes and its exit code`, async () => {
      const marker = `shell=${transport}`;
      const tty = join(agent.folder, 'tty');
      const shell = `${agent.kubectl} exec -it web -c shell -- /usr/bin/env ${marker} /bin/sh`;
      await workAt(start('script', onTerminal(shell, tty), agent.env(env)), async () => {
        const { code, stderr } = await runCommand('stty', larger(readFileSync(tty, 'utf8').trim()), { env: process.env });
        assert.equal(code, 0, stderr);
      });
      const { intent, complete } = await agent.recorded('pods/exec', marker);
      assert.deepEqual([intent.operation!.resource, complete.response!.status], [`${NAMESPACE}/pods/web/exec`, '7']);
      assertTold(await agent.replay(intent));
    });

    it(`over ${transport}, what goes in and comes out of a command is recorded apart, with its exit code`, async () => {
      const script = `cat; echo over >&2; exit 3 # ${transport}`;
      const { code, stdout, stderr } = await agent.run(['exec', '-i', 'web', '-c', 'shell', '--', '/bin/sh', '-c', script], {
        input: 'hello\n',
        env,
      });
      assert.deepEqual([code, stdout], [3, 'hello\n'], stderr);
      assert.match(stderr, /^over/);
      const { complete } = await agent.recorded('pods/exec', `# ${transport}`);
      assert.equal(complete.response!.status, '3');
      assert.match(await agent.replay(complete), /typed "hello\\n"[^]*output "hello\\n"[^]*stderr "over\\n"[^]*exit 3/);
    });

    it(`over ${transport}, files are copied there and back as they were, and each copy is recorded`, async () => {
      const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, index) => (index * 7) % 256));
      const [here, back] = [join(agent.folder, 'here.bin'), join(agent.folder, 'back.bin')];
      const into = `/tmp/${transport.replace('/', '-')}`;
      const there = `${into}/there.bin`;
      writeFileSync(here, bytes);
      assert.equal((await agent.run(['exec', 'web', '-c', 'shell', '--', 'mkdir', into], { env })).code, 0);
      const copied = await agent.run(['cp', here, `web:${there}`, '-c', 'shell'], { env });
      assert.equal(copied.code, 0, copied.stderr);
      const { intent, complete } = await agent.recorded('pods/exec', `"-C","${into}"`);
      assert.equal(complete.response!.status, '0');
      assert.ok(complete.request!.size > bytes.length, JSON.stringify(intent.operation));
      const again = await agent.run(['cp', `web:${there}`, back, '-c', 'shell'], { env });
      assert.equal(again.code, 0, again.stderr);
      assert.ok(readFileSync(back).equals(bytes));
      assert.ok((await agent.recorded('pods/exec', `"-","${there}"`)).complete.response!.size > bytes.length);
    });
  }

  for (const [transport, env] of [
    ['SPDY/3.1 in a WebSocket', {}],
    ['SPDY/3.1', { KUBECTL_PORT_FORWARD_WEBSOCKETS: 'false' }],
  ] as const) {
    it(`over ${transport}, each port is recorded when it is first connected to, and one that a rule denies ends the forwarding`, async () => {
      const earlier = agent.sidecar.events().length;
      const forward = start(agent.kubectl, ['port-forward', 'pod/web', ':8080', ':8081', ':8082'], agent.env(env));
      const said = await forward.says(/127\.0\.0\.1:\d+ -> 8082/);
      const local = new Map([...said.matchAll(/127\.0\.0\.1:(\d+) -> (\d+)/g)].map(([, port, remote]) => [remote, port]));
      for (const path of ['/8080/one', '/8081/one', '/8080/two', '/8081/two']) {
        assert.equal(await (await fetch(`http://127.0.0.1:${local.get(path.slice(1, 5))}${path}`)).text(), `served ${path}`);
      }
      const since = (): AuditEvent[] => agent.sidecar.events().slice(earlier).filter(isForwarding);
      assert.deepEqual(since().map(portsOf), [[], ['8080'], ['8081']], 'intents alone: all of it goes on');
      const ended = once(forward.child, 'exit');
      await assert.rejects(fetch(`http://127.0.0.1:${local.get('8082')}/`));
      await ended;
      await agent.sidecar.eventsWhen(() => since().length === 8);
      const completed = since().filter(({ stage }) => stage === 'complete');
      const told = completed.map((event) => `${portsOf(event).join()} ${event.decision!.action} ${event.response!.status}`);
      assert.deepEqual(told.toSorted(), ['8080 Allow 101', '8080,8081 Allow 101', '8081 Allow 101', '8082 Deny 403']);
      const session = completed.find((event) => portsOf(event).length === 2)!;
      assert.equal(session.operation!.resource, `${NAMESPACE}/pods/web/portforward`);
      assert.match(session.response!.error!, /port 8082 is refused: .*8082 is for people/);
      assert.ok(session.response!.size > 0);
    });
  }

  it("Python's client runs a command and forwards a port, and both are recorded", async () => {
    const args = [PYTHON_AGENT, 'streams', agent.sidecar.agentFolder, NAMESPACE, 'web', 'shell', '8080'];
    const where = { KUBERNETES_SERVICE_HOST: 'localhost', KUBERNETES_SERVICE_PORT: String(agent.sidecar.targetPort('cluster')) };
    const { code, stdout, stderr } = await runCommand(await pythonWithKubernetes(), args, { env: agent.env(where) });
    assert.equal(code, 0, stderr);
    const said = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as object);
    assert.deepEqual(said, [{ stdout: 'out\n', stderr: 'over\n', code: 3 }, { answer: 'served /python' }]);
    const { complete } = await agent.recorded('pods/exec', '"command":"/bin/sh"');
    assert.equal(complete.response!.status, '3');
    assert.match(await agent.replay(complete), /typed "echo out[^]*output "out\\n"[^]*exit 3/);
    const forwarded = (await agent.recorded('pods/portforward', '"ports":["8080"]')).complete;
    assert.equal(forwarded.response!.payload![0]!.type, 'application/octet-stream');
  });

  it('a log is followed line by line as it is written', async () => {
    const follow = start(agent.kubectl, ['logs', '-f', 'web', '-c', 'main'], agent.env());
    await follow.says(/serving/);
    const node = `fetch('http://127.0.0.1:8080/followed').then((r) => r.text())`;
    assert.equal((await agent.run(['exec', 'web', '-c', 'main', '--', 'node', '-e', node])).code, 0);
    await follow.says(/asked for \/followed/);
    await follow.interrupt();
    const isFollowed = ({ stage, operation }: AuditEvent): boolean =>
      stage === 'complete' && operation?.resource === `${NAMESPACE}/pods/web/log`;
    const events = await agent.sidecar.eventsWhen((all) => all.some(isFollowed));
    assert.ok(events.findLast(isFollowed)!.response!.size > 0);
  });

  it('what is attached to is recorded both ways', async () => {
    const attached = start(agent.kubectl, ['attach', '-i', 'web', '-c', 'shell'], agent.env());
    attached.child.stdin.write('are you there\n');
    await attached.says(/are you there/);
    await attached.interrupt();
    const { complete } = await agent.recorded('pods/attach');
    assert.match(complete.response!.payload![0]!.type, /asciicast/);
  });
});

const isForwarding = ({ operation }: AuditEvent): boolean => operation?.verb === 'pods/portforward';
const portsOf = ({ operation }: AuditEvent): string[] => (operation!.parameters!['ports'] ?? []) as string[];
