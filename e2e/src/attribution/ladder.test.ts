import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startOidcProvider, type OidcProvider } from '@cairn/cli';
import type { AuditEvent } from '@cairn/audit';
import { ProxyAgent, request } from 'undici';
import { corpProvider, startControlPlane, DEPLOYER, type ControlPlane } from '../harness/control-plane.js';
import { startSidecar, type Sidecar } from '../harness/sidecar.js';
import { startAgent, startSink, type Agent, type Manners } from './agents.js';

const REQUESTS = Number(process.env['CAIRN_TEST_REQUESTS'] ?? 10_000);
const CONCURRENCY = 48;
const PEOPLE = Array.from({ length: 50 }, (_, index) => `person${index}@example.com`);
const ROW = ['planner', 'researcher', 'writer'] as const;
const ASKS = { planner: 'researcher.research.svc', researcher: 'writer.research.svc', writer: 'sink.internal' } as const;

const policy = (agent: keyof typeof ASKS): string => `
apiVersion: cairn.dev/v1alpha1
kind: AuditPolicy
metadata: {name: ${agent}, namespace: research}
spec:
  selector: {matchLabels: {agent: ${agent}}}
  identity: {required: false, providers: [corp], maxDepth: 5, onAmbiguous: Record}
  targets:
  - {name: next, protocol: http, hosts: [${ASKS[agent]}], port: 8080, forward: [${agent === 'writer' ? '' : 'Txn-Token'}]}
  rules: []
  default: {action: Allow, level: Metadata}
  undeclared: Deny
`;

let oidc: OidcProvider;
let plane: ControlPlane;
let sink: Awaited<ReturnType<typeof startSink>>;
const agents: Agent[] = [];
const sidecars: Sidecar[] = [];
const tokens = new Map<string, string>();

before(async () => {
  oidc = await startOidcProvider({ users: PEOPLE.map((name) => ({ name, groups: ['analysts'] })) });
  plane = await startControlPlane([...ROW.map(policy), corpProvider(oidc.issuer)].join('---'));
  sink = await startSink();
  for (const _ of ROW) agents.push(await startAgent());
  // From the last to the first, as each needs to know where the next one's sidecar listens.
  let next = `127.0.0.1:${sink.port}`;
  for (const [index, agent] of [...ROW.entries()].reverse()) {
    const resolve = { [`${ASKS[agent]}:8080`]: next };
    const sidecar = await startSidecar({ plane, agent, labels: { agent }, serves: agents[index]!.port, resolve });
    sidecars[index] = sidecar;
    agents[index]!.proxy = new ProxyAgent(sidecar.proxyUrl);
    agents[index]!.next = `http://${ASKS[agent]}:8080`;
    next = new URL(sidecar.inboundUrl).host;
  }
  for (const user of PEOPLE) tokens.set(user, (await oidc.login({ user })).idToken);
});

after(async () => {
  for (const agent of agents) await agent.close();
  for (const sidecar of sidecars) await sidecar.stop();
  await sink?.close();
  await plane?.stop();
  await oidc?.close();
});

async function ask(who: string, manners: Manners, turns = 0): Promise<number> {
  const { statusCode, body } = await request(`${sidecars[0]!.inboundUrl}/ask?who=${who}&manners=${manners}&turns=${turns}`, {
    headers: { authorization: `Bearer ${tokens.get(who)}`, traceparent: traceparent() },
  });
  await body.dump();
  return statusCode;
}

function traceparent(): string {
  const hex = (length: number): string => Array.from({ length }, () => Math.floor(Math.random() * 16).toString(16)).join('');
  return `00-${hex(32)}-${hex(16)}-01`;
}

/** Outbound intents of one sidecar, for the person that the request itself names. */
function outbound(sidecar: Sidecar): AuditEvent[] {
  return sidecar.events().filter(({ stage, session }) => stage === 'intent' && session?.direction === 'outbound');
}

const whoOf = (event: AuditEvent): unknown => event.operation?.parameters?.['who'];
const methods = (events: AuditEvent[]): Set<string | undefined> => new Set(events.map(({ attribution }) => attribution?.method));

test('one request at a time is serialized, and its chain leads from the person through three agents', async () => {
  assert.equal(await ask(PEOPLE[0]!, 'nothing'), 200);
  const [event] = outbound(sidecars[2]!);
  assert.ok(event);
  assert.equal(event.root?.name, PEOPLE[0]);
  assert.equal(event.attribution?.method, 'serialized');
  assert.deepEqual(event.launch?.path, ['research/planner', 'research/researcher', 'research/writer']);
  assert.equal(event.launch.depth, 3);
  const [first] = outbound(sidecars[0]!);
  assert.equal(event.launch.chain, first?.launch?.id);
});

test('both ends of a hop name each other: the inbound request was caused by the outbound one', () => {
  const [sent] = outbound(sidecars[0]!);
  const received = sidecars[1]!.events().find(({ stage, session }) => stage === 'intent' && session?.direction === 'inbound');
  assert.equal(received?.cause, sent?.id);
  assert.equal(sidecars[0]!.events().find(({ id }) => id === sent?.cause)?.session?.direction, 'inbound');
});

test('neither the person’s token nor a chain token reaches an agent or the last target', () => {
  const [headers] = sink.headers;
  assert.deepEqual(
    ['authorization', 'txn-token', 'cairn-event', 'cairn-context'].filter((name) => headers?.[name] !== undefined),
    [],
  );
});

test('requests of one person at a time share their root, whoever forgets the context', async () => {
  await Promise.all(Array.from({ length: 20 }, () => ask(PEOPLE[1]!, 'nothing', 50)));
  const events = outbound(sidecars[0]!).filter((event) => whoOf(event) === PEOPLE[1]);
  assert.equal(events.length, 20);
  assert.ok(events.every(({ root }) => root?.name === PEOPLE[1]));
  assert.ok(methods(events).has('same_root'), [...methods(events)].join());
});

test('work outside of any request is background of the deployer’s launch', async () => {
  await agents[0]!.work('nobody');
  const event = outbound(sidecars[0]!).find((each) => whoOf(each) === 'nobody');
  assert.equal(event?.attribution?.method, 'background');
  assert.equal(event.root?.name, DEPLOYER.name);
});

test('a pod that serves nothing is its own launch', async () => {
  const resolve = { [`${ASKS.writer}:8080`]: `127.0.0.1:${sink.port}` };
  const sidecar = await startSidecar({ plane, agent: 'batch', labels: { agent: 'writer' }, resolve });
  const dispatcher = new ProxyAgent(sidecar.proxyUrl);
  const { body } = await request(`http://${ASKS.writer}:8080/ask?who=batch`, { dispatcher });
  await body.dump();
  await dispatcher.close();
  const [event] = outbound(sidecar);
  assert.equal(event?.attribution?.method, 'pod_launch');
  assert.deepEqual(event.launch?.path, ['research/batch']);
  await sidecar.stop();
});

test(`${REQUESTS} interleaved requests of 50 people: none attributed wrongly, every uncertain one says so`, async () => {
  const manners: Manners[] = ['handle', 'trace', 'nothing'];
  const seenBefore = sink.seen();
  let started = 0;
  const caller = async (): Promise<void> => {
    while (started < REQUESTS) {
      const number = started++;
      assert.equal(await ask(PEOPLE[number % PEOPLE.length]!, manners[Math.floor(number / 7) % 3]!, number % 5), 200);
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, caller));
  assert.equal(sink.seen() - seenBefore, REQUESTS);
  for (const sidecar of sidecars) {
    const events = outbound(sidecar).filter((event) => String(whoOf(event)).startsWith('person'));
    assert.ok(events.length >= REQUESTS);
    const wrong = events.filter(({ root, operation }) => root && root.name !== operation?.parameters?.['who']);
    assert.deepEqual(wrong.slice(0, 3), []);
    const silent = events.filter(({ root, attribution }) => !root && !['ambiguous', 'none'].includes(attribution?.method ?? ''));
    assert.deepEqual(silent.slice(0, 3), []);
    for (const rung of ['handle', 'trace']) assert.ok(methods(events).has(rung), `${rung} was never used`);
  }
  assert.ok(methods(outbound(sidecars[0]!)).has('ambiguous'));
});
