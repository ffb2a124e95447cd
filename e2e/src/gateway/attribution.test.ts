/** An agent that serves several people at once behind the gateway: each exchange belongs to whom its sidecar's contexts say. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { startOidcProvider, type OidcProvider } from '@cairn/cli';
import type { AuditEvent } from '@cairn/audit';
import { ProxyAgent, request } from 'undici';
import { startAgent, startSink, type Agent, type Manners } from '../attribution/agents.js';
import { corpProvider, GATEWAY, startControlPlane, type ControlPlane } from '../harness/control-plane.js';
import { startGateway, type Gateway } from '../harness/gateway.js';
import { startSidecar, type Sidecar } from '../harness/sidecar.js';

const PEOPLE = Array.from({ length: 8 }, (_, index) => `person${index}@example.com`);
const REQUESTS = 400;
const CONCURRENCY = 16;

const POLICY = `
apiVersion: cairn.dev/v1alpha1
kind: AuditPolicy
metadata: {name: strict, namespace: research}
spec:
  egress: Gateway
  identity: {required: false, providers: [corp], maxDepth: 5, onAmbiguous: Record}
  targets:
  - {name: sink, protocol: http, hosts: [sink.internal], port: 8080, forward: [Txn-Token]}
  rules: []
  default: {action: Allow, level: Metadata}
  undeclared: Deny
`;

let oidc: OidcProvider;
let plane: ControlPlane;
let sink: Awaited<ReturnType<typeof startSink>>;
let agent: Agent;
let gateway: Gateway;
let sidecar: Sidecar;
const tokens = new Map<string, string>();

before(async () => {
  oidc = await startOidcProvider({ users: PEOPLE.map((name) => ({ name, groups: ['analysts'] })) });
  plane = await startControlPlane([POLICY, corpProvider(oidc.issuer)].join('---'));
  sink = await startSink();
  agent = await startAgent();
  gateway = await startGateway({ plane, name: 'cairn-gateway-0', resolve: { 'sink.internal:8080': `127.0.0.1:${sink.port}` } });
  const resolve = { [`${GATEWAY.host}:${GATEWAY.port}`]: `127.0.0.1:${gateway.port}` };
  sidecar = await startSidecar({ plane, agent: 'planner', serves: agent.port, resolve });
  agent.proxy = new ProxyAgent(sidecar.proxyUrl);
  agent.next = 'http://sink.internal:8080';
  for (const user of PEOPLE) tokens.set(user, (await oidc.login({ user })).idToken);
});

after(async () => {
  await agent?.close();
  await sidecar?.stop();
  await gateway?.stop();
  await sink?.close();
  await plane?.stop();
  await oidc?.close();
});

async function ask(who: string, manners: Manners, turns: number): Promise<number> {
  const hex = (length: number): string => Array.from({ length }, () => Math.floor(Math.random() * 16).toString(16)).join('');
  const headers = { authorization: `Bearer ${tokens.get(who)}`, traceparent: `00-${hex(32)}-${hex(16)}-01` };
  const { statusCode, body } = await request(`${sidecar.inboundUrl}/ask?who=${who}&manners=${manners}&turns=${turns}`, { headers });
  await body.dump();
  return statusCode;
}

const exchanges = (): AuditEvent[] => gateway.events().filter(({ stage, protocol }) => stage === 'intent' && protocol === 'http');

test('eight people at once over shared connections: each exchange is theirs, by handle or by trace', async () => {
  let asked = 0;
  const worker = async (): Promise<void> => {
    for (let index = asked++; index < REQUESTS; index = asked++) {
      assert.equal(await ask(PEOPLE[index % PEOPLE.length]!, index % 2 === 0 ? 'handle' : 'trace', index % 7), 200);
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, worker));
  await gateway.eventsWhen(() => exchanges().length === REQUESTS);
  const wrong = exchanges().filter(({ root, operation }) => root?.name !== operation?.parameters?.['who']);
  assert.deepEqual(
    wrong.map(({ root, operation, attribution }) => [root?.name, operation?.parameters, attribution]),
    [],
  );
  const methods = new Set(exchanges().map(({ attribution }) => attribution?.method));
  assert.ok(methods.has('handle') && methods.has('trace'), [...methods].join());
  const hops = sidecar.events().filter(({ stage, operation }) => stage === 'intent' && operation?.verb === 'CONNECT').length;
  assert.ok(hops < REQUESTS / 2, `${hops} connections for ${REQUESTS} exchanges: people share them`);
});

test('an exchange names the inbound request that it serves, and forwards that launch’s token', () => {
  const inbound = new Map(
    sidecar
      .events()
      .filter(({ stage, session }) => stage === 'intent' && session?.direction === 'inbound')
      .map((event) => [event.id, event]),
  );
  for (const { cause, root } of exchanges()) assert.equal(inbound.get(cause!)?.root?.name, root?.name);
  assert.ok(sink.headers.every((headers) => typeof headers['txn-token'] === 'string'));
});

test('when nobody is served, the pod acts for its own launch, as background', async () => {
  assert.equal(await agent.work('nobody'), 200);
  const events = await gateway.eventsWhen(() => exchanges().length === REQUESTS + 1);
  assert.ok(events);
  assert.equal(exchanges().at(-1)!.attribution?.method, 'background');
});

test('an agent may speak TLS: the gateway serves it under the name it asked for, with a certificate of the pod’s own CA', async () => {
  const ca = readFileSync(join(sidecar.agentFolder, 'ca.crt'), 'utf8');
  const dispatcher = new ProxyAgent({ uri: sidecar.proxyUrl, requestTls: { ca } });
  const { statusCode, body } = await request('https://sink.internal:8080/tls?who=tls', { dispatcher });
  await body.dump();
  assert.equal(statusCode, 200);
  await dispatcher.close();
});
