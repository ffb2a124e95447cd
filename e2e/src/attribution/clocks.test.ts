/** Nodes whose clocks disagree: identity has a tolerance, evidence leans on no clock. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startOidcProvider, type OidcProvider } from '@cairn/cli';
import { LEDGER_FILES, openLedger, SpoolIngest, verifyLedger } from '@cairn/ledger';
import { ProxyAgent, request } from 'undici';
import { corpProvider, startControlPlane, type ControlPlane } from '../harness/control-plane.js';
import { startSidecar, type Sidecar, type SidecarOptions } from '../harness/sidecar.js';
import { startAgent, startSink, type Agent } from './agents.js';

const ALICE = 'alice@example.com';
/** Of each pod: within what tokens tolerate of a clock that is ahead or behind, and 100 s apart. */
const OFF_SECONDS = { planner: 50, writer: -50 } as const;
const ASKS = { planner: 'writer.research.svc', writer: 'sink.internal' } as const;

const policy = (agent: keyof typeof ASKS): string => `
apiVersion: cairn.dev/v1alpha1
kind: AuditPolicy
metadata: {name: ${agent}, namespace: research}
spec:
  selector: {matchLabels: {agent: ${agent}}}
  identity: {required: true, providers: [corp], maxDepth: 5, onAmbiguous: Deny}
  targets:
  - {name: next, protocol: http, hosts: [${ASKS[agent]}], port: 8080, forward: [${agent === 'writer' ? '' : 'Txn-Token'}]}
  rules: []
  default: {action: Allow, level: Metadata}
  undeclared: Deny
`;

let oidc: OidcProvider;
let plane: ControlPlane;
let folder: string;

before(async () => {
  oidc = await startOidcProvider({ users: [{ name: ALICE, groups: ['analysts'] }] });
  plane = await startControlPlane([policy('planner'), policy('writer'), corpProvider(oidc.issuer)].join('---'));
  folder = mkdtempSync(join(tmpdir(), 'cairn-clocks-'));
  const { issuer } = plane.service.tokenService();
  writeFileSync(join(folder, LEDGER_FILES.trust), JSON.stringify({ issuer, jwks: plane.service.jwks() }));
});
after(async () => {
  await plane.stop();
  await oidc.close();
  rmSync(folder, { recursive: true, force: true });
});

function skewed(seconds: number, options: Omit<SidecarOptions, 'plane'>): Promise<Sidecar> {
  const preload = fileURLToPath(new URL('skewed-clock/main.js', import.meta.url));
  const env = { CAIRN_TEST_CLOCK_OFF_MS: String(seconds * 1000) };
  return startSidecar({ ...options, plane, flags: ['--import', preload], env });
}

/** The agent and its sidecar, whose clock is off. */
async function pod(agent: keyof typeof ASKS, next: string): Promise<{ agent: Agent; sidecar: Sidecar }> {
  const serving = await startAgent();
  const resolve = { [`${ASKS[agent]}:8080`]: next };
  const sidecar = await skewed(OFF_SECONDS[agent], { agent, labels: { agent }, serves: serving.port, resolve });
  serving.proxy = new ProxyAgent(sidecar.proxyUrl);
  serving.next = `http://${ASKS[agent]}:8080`;
  return { agent: serving, sidecar };
}

test('a chain across pods whose clocks are 100 s apart has its order from causes, and verifies', async () => {
  const sink = await startSink();
  const writer = await pod('writer', `127.0.0.1:${sink.port}`);
  const planner = await pod('planner', new URL(writer.sidecar.inboundUrl).host);
  const pods = [planner, writer];
  const { idToken } = await oidc.login({ user: ALICE });
  const { statusCode, body } = await request(`${planner.sidecar.inboundUrl}/ask?manners=nothing`, {
    headers: { authorization: `Bearer ${idToken}` },
  });
  assert.equal(statusCode, 200, await body.text());
  for (const { agent, sidecar } of pods) {
    await agent.close();
    await sidecar.stop({ keep: true });
  }
  await sink.close();

  const ledger = openLedger(folder, { create: true });
  for (const { sidecar } of pods) new SpoolIngest(ledger, sidecar.spoolFolder).drain();
  for (const { sidecar } of pods) rmSync(sidecar.folder, { recursive: true });
  assert.deepEqual((await verifyLedger(ledger)).integrity, { held: true, findings: [], more: 0 });
  const intents = [...ledger.query({ root: ALICE, order: 'oldest' })].filter(({ event }) => event.stage === 'intent');
  const [first] = intents;
  assert.equal(first?.event.agent?.name, 'writer', 'by time alone, the callee comes before its caller');
  const chain = ledger.replay(first.event.launch!.chain).filter(({ event }) => event.stage === 'intent');
  assert.deepEqual(
    chain.map(({ event }) => [event.agent?.name, event.session?.direction, event.root?.name]),
    [
      ['planner', 'inbound', ALICE],
      ['planner', 'outbound', ALICE],
      ['writer', 'inbound', ALICE],
      ['writer', 'outbound', ALICE],
    ],
  );
  ledger.close();
});

for (const [hours, why] of [
  [1, /expired/],
  [-1, /not valid yet/],
] as const) {
  test(`a sidecar whose clock is ${hours > 0 ? 'an hour ahead' : 'an hour behind'} lets nothing start, and says why`, async () => {
    const failed = await skewed(hours * 3600, { agent: 'writer', labels: { agent: 'writer' }, failsAt: 'launch not received' }).then(
      (sidecar) => sidecar.stop().then(() => assert.fail('it became ready')),
      (error: Error) => error.message,
    );
    assert.match(failed, /launch not received/);
    assert.match(failed, why);
  });
}
