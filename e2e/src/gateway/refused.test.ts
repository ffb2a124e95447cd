/** What a gateway does not take: certificates and tokens that are forged, expired, or another pod's. */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { Agent } from 'node:http';
import { request, type RequestOptions } from 'node:https';
import type { Duplex } from 'node:stream';
import { after, before, test } from 'node:test';
import type { AuditEvent } from '@cairn/audit';
import { podUri, uuidv7, type PodBinding } from '@cairn/identity';
import { issueAuthority, issueForKey } from '@cairn/operator';
import { askThrough } from '../harness/http-sink.js';
import { GATEWAY } from '../harness/control-plane.js';
import { startStand, type Stand } from './stand.js';

const HOUR = 3600;
let stand: Stand;

before(async () => void (stand = await startStand(1)));
after(() => stand?.stop());

const binding = (more: Partial<PodBinding> = {}): PodBinding => ({
  pod: { namespace: 'research', name: 'planner-0', uid: uuidv7() },
  agent: 'planner',
  policy: 'strict',
  ...more,
});

interface Terms {
  authority?: { cert: string; key: string };
  use?: Parameters<typeof issueForKey>[1];
  /** Milliseconds. */
  now?: number;
}

async function certificate(
  of: PodBinding,
  { authority, use, now = Date.now() }: Terms = {},
): Promise<Pick<RequestOptions, 'cert' | 'key'>> {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const der = publicKey.export({ format: 'der', type: 'spki' });
  const cert = await issueForKey(der, use ?? { client: podUri(of) }, authority ?? stand.plane.hopAuthority, now, HOUR);
  return { cert, key: privateKey.export({ format: 'pem', type: 'pkcs8' }).toString() };
}

type Opened = { socket: Duplex } | { status: number; detail: string } | { error: string };

async function open(shown: Pick<RequestOptions, 'cert' | 'key'>, headers: Record<string, string> = {}): Promise<Opened> {
  return new Promise((resolve) => {
    const asked = request({
      host: '127.0.0.1',
      port: stand.gateways[0]!.port,
      servername: GATEWAY.host,
      ca: stand.plane.hopAuthority.cert,
      path: '/v1/hop',
      agent: false,
      ...shown,
      headers: { connection: 'Upgrade', upgrade: 'cairn-hop/1', 'cairn-destination': 'web.internal:80', ...headers },
    });
    asked.on('error', ({ message }) => resolve({ error: message }));
    asked.on('upgrade', (_response, socket) => resolve({ socket }));
    asked.on('response', (response) => {
      let body = '';
      response.on('data', (chunk: Buffer) => (body += chunk.toString()));
      response.on('end', () => resolve({ status: response.statusCode!, detail: (JSON.parse(body) as { detail: string }).detail }));
    });
    asked.end();
  });
}

function frame(kind: number, payload: string): Buffer {
  const bytes = Buffer.from(payload);
  const head = Buffer.alloc(4);
  head.writeUInt32BE(bytes.length);
  head[0] = kind;
  return Buffer.concat([head, bytes]);
}

const control = (message: object): Buffer => frame(2, JSON.stringify(message));
const START = { type: 'start', serves: false, sessionToken: 'AAAA', apiToken: null, cause: uuidv7() };
const GET = frame(0, 'GET /through HTTP/1.1\r\nhost: web.internal\r\n\r\n');

/** What comes back, until it is what is awaited or the gateway closes. */
async function answerTo(opened: Opened, awaited: RegExp, ...frames: Buffer[]): Promise<string> {
  assert.ok('socket' in opened, JSON.stringify(opened));
  let text = '';
  const { socket } = opened;
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1');
    if (awaited.test(text)) socket.destroy();
  });
  opened.socket.on('error', () => undefined);
  for (const each of frames) socket.write(each);
  await once(socket, 'close');
  return text;
}

test('a certificate of the operator’s CA opens a hop; so what follows can fail', async () => {
  const opened = await open(await certificate(binding()));
  assert.ok('socket' in opened);
  opened.socket.destroy();
});

const HANDSHAKE = /alert|socket hang up|ECONNRESET|EPIPE|bad certificate|certificate required/i;

for (const [what, shown] of [
  ['no certificate', async () => ({})],
  ['another CA’s certificate', async () => certificate(binding(), { authority: await issueAuthority(Date.now(), HOUR) })],
  ['an expired certificate', async () => certificate(binding(), { now: Date.now() - 2 * HOUR * 1000 })],
  ['a server’s certificate', async () => certificate(binding(), { use: { server: [GATEWAY.host] } })],
] as const) {
  test(`${what} ends in the handshake`, async () => {
    const opened = await open(await shown());
    assert.ok('error' in opened, JSON.stringify(Object.keys(opened)));
    assert.match(opened.error, HANDSHAKE);
  });
}

test('a client’s certificate that names no pod, a policy that is not strict, a head that says nothing: refused with the reason', async () => {
  const stranger = await open(await certificate(binding(), { use: { client: 'spiffe://cairn.example/ns/research' } }));
  assert.deepEqual([(stranger as { status: number }).status], [403]);
  const elsewhere = await open(await certificate(binding({ policy: 'lenient' })));
  assert.match((elsewhere as { detail: string }).detail, /policy research\/lenient is not known here/);
  const nowhere = await open(await certificate(binding()), { 'cairn-destination': 'web.internal' });
  assert.match((nowhere as { detail: string }).detail, /cairn-destination must be HOST:PORT/);
});

test('another pod’s launch token, over an own certificate, is refused and recorded', async () => {
  const { plane } = stand;
  const pod = { namespace: 'research', name: 'planner-0', uid: uuidv7(), agent: 'planner', labels: {} };
  const { workloadToken, grant } = await plane.admit(pod);
  const token = await exchanged(workloadToken, grant);
  const mine = binding();
  const opened = await open(await certificate(mine));
  const told = [control({ type: 'launch', number: 0, token }), control({ type: 'own', launch: 0 }), control(START), GET];
  const refusal = /403 Forbidden[^]*minted for another pod/;
  assert.match(await answerTo(opened, refusal, ...told), refusal);
  const events = await stand.gateways[0]!.eventsWhen((all) => all.some(refusedOf(mine)));
  assert.equal(events.find(refusedOf(mine))?.decision?.action, 'Deny');

  const owner = await open(await certificate(binding({ pod: { namespace: 'research', name: 'planner-0', uid: pod.uid } })));
  const answer = /200 OK[^]*done \/through/;
  assert.match(await answerTo(owner, answer, ...told), answer);
});

test('a token with a signature that does not hold is refused', async () => {
  const pod = { namespace: 'research', name: 'planner-0', uid: uuidv7(), agent: 'planner', labels: {} };
  const { workloadToken, grant } = await stand.plane.admit(pod);
  const token = await exchanged(workloadToken, grant);
  const at = token.lastIndexOf('.') + 10;
  const forged = token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1);
  const opened = await open(await certificate(binding({ pod: { namespace: 'research', name: 'planner-0', uid: pod.uid } })));
  const refusal = /403 Forbidden[^]*launch token was refused/;
  const told = [control({ type: 'launch', number: 0, token: forged }), control({ type: 'own', launch: 0 }), control(START), GET];
  assert.match(await answerTo(opened, refusal, ...told), refusal);
});

test('a sidecar that shows no launch acts for nobody, which the policy denies', async () => {
  const asked = stand.web.asked.length;
  const told = [control({ type: 'own', launch: null }), control(START), GET];
  assert.match(await answerTo(await open(await certificate(binding())), /unidentified/, ...told), /401 Unauthorized[^]*unidentified/);
  assert.equal(stand.web.asked.length, asked);
});

test('data before the start, an unknown message and an unknown frame end the hop', async () => {
  for (const bytes of [
    GET,
    control({ type: 'become', root: 'alice' }),
    frame(9, 'x'),
    control({ type: 'open', handle: 'h', launch: 7, traceparent: null, cause: 'c' }),
  ]) {
    assert.doesNotMatch(await answerTo(await open(await certificate(binding())), /HTTP/, bytes), /HTTP/);
  }
});

test('a revoked launch is cut at the gateway, and its next connection is refused', async () => {
  const sidecar = await stand.sidecar('planner');
  try {
    assert.equal((await askThrough(sidecar.proxyPort, 'http://web.internal/before')).status, 200);
    const launch = sidecar.events().find((event) => event.launch)!.launch!.id;
    await stand.plane.service.revoke(launch, 'carol@example.com', 'the laptop was stolen');
    await sidecar.eventsWhen(() => sidecar.log.some((line) => line.includes('launch revoked')));
    await stand.gateways[0]!.eventsWhen(() => stand.gateways[0]!.log.some((line) => line.includes(launch)));
    const refused = await askThrough(sidecar.proxyPort, 'http://web.internal/after', { agent: new Agent() });
    assert.equal(refused.status, 403);
    assert.match(refused.body, /was revoked by carol@example.com: the laptop was stolen/);
    assert.ok(!stand.web.asked.some(({ url }) => url === '/after'));
  } finally {
    await sidecar.stop();
  }
});

const refusedOf =
  ({ pod }: PodBinding) =>
  ({ agent, stage }: AuditEvent): boolean =>
    agent.uid === pod.uid && stage === 'complete';

async function exchanged(workloadToken: string, grant: string): Promise<string> {
  const type = 'urn:ietf:params:oauth:token-type:';
  const form = new URLSearchParams({
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    subject_token: grant,
    subject_token_type: `${type}jwt`,
    actor_token: workloadToken,
    actor_token_type: `${type}jwt`,
    requested_token_type: `${type}txn_token`,
  });
  const answer = await fetch(`${stand.plane.url}/oauth2/token`, { method: 'POST', body: form });
  return ((await answer.json()) as { access_token: string }).access_token;
}
