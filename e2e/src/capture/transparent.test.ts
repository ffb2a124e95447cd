import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { connect } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { after, before, describe, test } from 'node:test';
import { startControlPlane, type ControlPlane } from '../harness/control-plane.js';
import { startSidecar, type Sidecar } from '../harness/sidecar.js';
import { attempts, http, type Attempts } from './attempts.js';
import { AGENT_UID, createNetwork, SIDECAR_UID, type Network } from './network.js';
import { startWorld, type World } from './world.js';

const POLICY = `
apiVersion: cairn.dev/v1alpha1
kind: AuditPolicy
metadata: {name: fenced, namespace: research}
spec:
  selector: {}
  identity: {required: false, providers: [], maxDepth: 5, onAmbiguous: Deny}
  targets:
  - {name: sink, protocol: http, hosts: [sink.internal], port: 8080}
  rules: []
  default: {action: Allow, level: Metadata}
  undeclared: Deny
`;

/** As injection has it, and capture without being told. */
const ADMIN_PORT = 15020;

const why =
  process.platform !== 'linux' ? 'network namespaces are Linux' : process.getuid?.() !== 0 ? 'a network namespace needs root' : undefined;

if (why !== undefined) {
  test(`transparent capture can't be tried here: ${why}`, () => {
    assert.notEqual(process.env['CI'], 'true', `CI has to run this: ${why}`);
  });
} else {
  describe('transparent capture', suite);
}

/** What a server says; empty where nobody answers. */
async function callOnce(host: string, port: number): Promise<string> {
  const socket = connect({ host, port, timeout: 500 });
  let answer = '';
  socket.on('data', (chunk) => (answer += chunk.toString()));
  socket.on('timeout', () => socket.destroy());
  socket.on('error', () => undefined);
  await new Promise((resolve) => socket.once('close', resolve));
  return answer;
}

function suite(): void {
  let network: Network;
  let world: World;
  let plane: ControlPlane;
  let sidecar: Sidecar | undefined;
  let tried: Attempts;

  before(async () => {
    network = await createNetwork();
    world = await startWorld(network);
    plane = await startControlPlane(POLICY, { host: network.host });
    const python = execFileSync('python3', ['-c', 'import sys; print(sys.executable)'], { encoding: 'utf8' }).trim();
    tried = attempts(network, python);
  });

  after(async () => {
    await sidecar?.stop();
    await plane?.stop();
    world?.close();
    await network?.remove();
  });

  async function start(): Promise<Sidecar> {
    await network.capture({ CAIRN_SIDECAR_UID: String(SIDECAR_UID) });
    return startSidecar({
      plane,
      prefix: network.asSidecar,
      env: { ...network.env, CAIRN_CAPTURE: 'transparent', CAIRN_ADMIN_LISTEN: `127.0.0.1:${ADMIN_PORT}` },
      resolve: { 'sink.internal:8080': `${network.host}:${world.http}` },
    });
  }

  const direct = (): string => `http://${network.host}:${world.http}`;
  const direct6 = (): string => `http://[${network.host6}]:${world.http}`;

  /** What somebody outside hears from an agent that serves a port. */
  async function served(port: number, dialled = port): Promise<{ code: number; answer: string }> {
    const serving = tried.serve(port, 5).then(({ code }) => ({ code, answer: '' }));
    for (;;) {
      const heard = await Promise.race([serving, callOnce(network.pod, dialled)]);
      if (typeof heard !== 'string') return heard;
      if (heard !== '') return { ...(await serving), answer: heard };
    }
  }

  async function everythingPasses(marker: string): Promise<void> {
    assert.match((await http(network, `${direct()}/${marker}`)).output, /from outside\n200/);
    assert.match((await http(network, `${direct6()}/${marker}6`)).output, /from outside\n200/);
    assert.match((await tried.postgres(network.host, world.postgres)).output, /b'N'/);
    assert.match((await tried.udp(network.host, world.udp, marker)).output, new RegExp(`b'${marker}'`));
    assert.match((await tried.icmp(network.host)).output, /answered/);
    assert.match((await tried.boundUdp(world.loopback, `${marker}-device`)).output, /sent/);
    while (world.reached.length < 5) await setImmediate();
    const reached = [`http /${marker}`, `http /${marker}6`, 'postgres', `udp ${marker}`, `udp ${marker}-device`];
    assert.deepEqual(world.reached.splice(0), reached);
    assert.deepEqual(await served(9000), { code: 0, answer: 'answer' });
  }

  test('without the rules every attempt succeeds', async () => {
    await everythingPasses('before');
  });

  test('a declared host is reached by its name, and recorded', async () => {
    sidecar = await start();
    assert.match((await tried.lookup('sink.internal')).output, /^198\.18\.0\.1\n$/);
    assert.match((await http(network, 'http://sink.internal:8080/declared?x=1')).output, /^from outside\n200/);
    assert.deepEqual(world.reached.splice(0), ['http /declared?x=1']);
    const events = await sidecar.eventsWhen((all) => all.some(({ stage, target }) => stage === 'complete' && target?.name === 'sink'));
    const intent = events.find(({ stage, target }) => stage === 'intent' && target?.name === 'sink');
    assert.deepEqual(intent?.target, { name: 'sink', host: 'sink.internal', port: 8080 });
    assert.equal(intent?.operation?.resource, '/declared');
    assert.equal(intent?.attribution?.method, 'pod_launch');
    assert.equal(events.find(({ stage, cause }) => stage === 'complete' && cause === intent.id)?.response?.status, '200');
  });

  test('a declared host has no other port', async () => {
    assert.match((await http(network, `http://sink.internal:${world.http}/other`)).output, /403 application\/problem\+json/);
    assert.deepEqual(world.reached, []);
  });

  test('an undeclared name does not exist', async () => {
    assert.match((await tried.lookup('secret-data.attacker.example')).output, /^gaierror True/);
    assert.ok(sidecar!.log.some((line) => line.includes('name refused') && line.includes('secret-data.attacker.example')));
  });

  test('HTTP to an address is refused with a problem that names the event', async () => {
    const { output } = await http(network, `${direct()}/direct`);
    assert.match(output, /403 application\/problem\+json/);
    const { event, detail } = JSON.parse(output.split('\n')[0]!) as { event: string; detail: string };
    assert.match(detail, new RegExp(`^${network.host}:${world.http}: `));
    const events = await sidecar!.eventsWhen((all) => all.some(({ cause }) => cause === event));
    const intent = events.find(({ id }) => id === event);
    assert.deepEqual(intent?.target, { name: 'undeclared', host: network.host, port: world.http });
    assert.equal(intent?.decision?.action, 'Deny');
    assert.deepEqual(world.reached, []);
  });

  test('PostgreSQL to an address is refused with an ErrorResponse', async () => {
    const { output } = await tried.postgres(network.host, world.postgres);
    assert.match(output, /^b'E.*SFATAL.*C28000.*M10\./);
    assert.deepEqual(world.reached, []);
  });

  test('IPv6 to an address is refused as well', async () => {
    assert.match((await http(network, `${direct6()}/direct6`)).output, /403 application\/problem\+json/);
    assert.deepEqual(world.reached, []);
  });

  test('UDP and ICMP do not leave', async () => {
    const udp = await tried.udp(network.host, world.udp, 'leak');
    assert.notEqual(udp.code, 0);
    assert.match(udp.output, /PermissionError|ConnectionRefusedError|OSError/);
    const icmp = await tried.icmp(network.host);
    assert.notEqual(icmp.code, 0);
    assert.match(icmp.output, /PermissionError|OSError/);
    assert.deepEqual(world.reached, []);
  });

  test('a socket bound to the device sends nothing to the addresses of loopback on the other side', async () => {
    assert.match((await tried.boundUdp(world.loopback, 'leak')).output, /PermissionError/);
    assert.deepEqual(world.reached, []);
  });

  test('the sidecar itself finds its neighbours by IPv6', async () => {
    assert.match((await tried.connectExempt(network.host6, world.http)).output, /connected/);
  });

  test("the sidecar's own questions are answered by the resolver, also from a port that the agent asked from", async () => {
    const question = String.raw`\0\7\1\0\0\1\0\0\0\0\0\0\4sink\10internal\0\0\1\0\1`;
    assert.match((await tried.ask(network.host, 40_053, question)).output, /sink.*\\xc6\\x12\\x00\\x01'\n$/);
    assert.deepEqual(world.reached, []);
    assert.match((await tried.askExempt(network.host, 40_053, 'its own')).output, /b'its own'/);
    assert.deepEqual(world.reached.splice(0), ['udp its own']);
  });

  test("the sidecar's admin listener is its own user's", async () => {
    assert.match((await tried.connectExempt('127.0.0.1', ADMIN_PORT)).output, /connected/);
    assert.match((await tried.connect('127.0.0.1', ADMIN_PORT)).output, /ConnectionRefusedError/);
  });

  test('nobody outside reaches a port that the agent never declared', async () => {
    const { code, answer } = await served(9000);
    assert.equal(answer, '');
    assert.notEqual(code, 0);
  });

  test('the rules may be programmed again, and hold', async () => {
    await network.capture({ CAIRN_SIDECAR_UID: String(SIDECAR_UID) });
    assert.match((await http(network, `${direct()}/again`)).output, /403 application\/problem\+json/);
    assert.match((await http(network, 'http://sink.internal:8080/again')).output, /^from outside\n200/);
    assert.deepEqual(world.reached.splice(0), ['http /again']);
  });

  test('while the rules hold nothing is told to go past the sidecar; without them a connection is, with where it went', async () => {
    const past = (): string[] => sidecar!.log.filter((line) => line.includes('went past the sidecar'));
    assert.deepEqual(past(), []);
    await network.release();
    try {
      const holding = tried.hold(network.host, world.http);
      const events = await sidecar!.eventsWhen((all) =>
        all.some(({ stage, target }) => stage === 'complete' && target?.name === 'uncaptured'),
      );
      world.hangUp();
      await holding;
      const intent = events.find(({ stage, target }) => stage === 'intent' && target?.name === 'uncaptured');
      assert.deepEqual(intent?.target, { name: 'uncaptured', host: network.host, port: world.http });
      assert.match(intent?.decision?.reason ?? '', /capture rules of this pod do not hold/);
      assert.match(past()[0]!, new RegExp(`"uid":${AGENT_UID}`));
    } finally {
      await network.capture({ CAIRN_SIDECAR_UID: String(SIDECAR_UID) });
    }
  });

  test('with the sidecar gone nothing passes', async () => {
    await sidecar!.stop();
    sidecar = undefined;
    for (const url of [`${direct()}/gone`, `${direct6()}/gone`, 'http://sink.internal:8080/gone']) {
      assert.notEqual((await http(network, url)).code, 0);
    }
    assert.deepEqual(world.reached, []);
  });

  test("with the sidecar gone its ports are not the agent's: callers would hand over their identity", async () => {
    await network.capture({ CAIRN_SIDECAR_UID: String(SIDECAR_UID), CAIRN_INBOUND_PORTS: '8080' });
    for (const dialled of [8080, 15006]) {
      const { code, answer } = await served(15006, dialled);
      assert.equal(answer, '');
      assert.notEqual(code, 0);
    }
  });

  test('and without the rules every attempt succeeds again', async () => {
    await network.release();
    await everythingPasses('after');
  });
}
