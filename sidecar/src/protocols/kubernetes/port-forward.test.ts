import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { EvidenceError } from '@cairn/audit';
import type { Operation, Verdict } from '@cairn/crds';
import { createDriver, type Driver } from '../../testing/session-driver.js';
import { spdyData, SpdySide } from '../../testing/spdy-frames.js';
import { frame } from '../../testing/websocket-frames.js';
import type { Session } from '../protocol.js';
import { ALLOW, TARGET } from './fixture.js';
import { MAX_FORWARDED_PORTS } from './limits.js';
import { kubernetesProtocol } from './module.js';

/** How forwarded streams travel: what is said of it on the way there and back, and what becomes of the agent's bytes. */
const WAYS = {
  'SPDY/3.1': {
    asks: ['POST /api/v1/namespaces/a/pods/b/portforward HTTP/1.1', 'Upgrade: SPDY/3.1', 'X-Stream-Protocol-Version: portforward.k8s.io'],
    gets: ['Upgrade: SPDY/3.1', 'X-Stream-Protocol-Version: portforward.k8s.io'],
    sends: (bytes: Buffer) => bytes,
  },
  'SPDY/3.1 in a WebSocket': {
    asks: [
      'GET /api/v1/namespaces/a/pods/b/portforward HTTP/1.1',
      'Upgrade: websocket',
      'Sec-WebSocket-Protocol: SPDY/3.1+portforward.k8s.io',
    ],
    gets: ['Upgrade: websocket', 'Sec-WebSocket-Protocol: SPDY/3.1+portforward.k8s.io'],
    sends: (bytes: Buffer) => frame(bytes, { masked: true }),
  },
  "WebSocket's channels": {
    asks: [
      'GET /api/v1/namespaces/a/pods/b/portforward?ports=80%2C81&ports=82 HTTP/1.1',
      'Upgrade: websocket',
      'Sec-WebSocket-Protocol: v4.channel.k8s.io',
    ],
    gets: ['Upgrade: websocket', 'Sec-WebSocket-Protocol: v4.channel.k8s.io'],
    sends: (bytes: Buffer) => frame(bytes, { masked: true }),
  },
} as const;

type Decide = (operations: readonly Operation[] | undefined) => Verdict;

async function forwarding(
  way: keyof typeof WAYS,
  decide: Decide = () => ALLOW,
): Promise<{ driver: Driver; session: Session; sends: (bytes: Buffer) => Buffer }> {
  const { asks, gets, sends } = WAYS[way];
  const driver = createDriver({ target: TARGET, decide });
  const session = kubernetesProtocol.open(driver.context);
  driver.attach(session);
  session.agentData(Buffer.from([...asks, 'Host: x', 'Connection: Upgrade', '', ''].join('\r\n')));
  await driver.settle();
  session.targetData(Buffer.from(['HTTP/1.1 101 Switching Protocols', 'Connection: Upgrade', ...gets, '', ''].join('\r\n')));
  driver.takeAgent();
  driver.takeTarget();
  return { driver, session, sends };
}

async function connection(side: SpdySide, index: number, port: string): Promise<Buffer> {
  const headers = { port, requestid: String(index) };
  const error = await side.opens(4 * index + 1, { streamtype: 'error', ...headers });
  return Buffer.concat([error, await side.opens(4 * index + 3, { streamtype: 'data', ...headers }), spdyData(4 * index + 3, 'hello')]);
}

describe('port forwarding', () => {
  for (const way of ['SPDY/3.1', 'SPDY/3.1 in a WebSocket'] as const) {
    it(`over ${way} passes as it is, however it is cut, and each port is recorded once`, async () => {
      for (const size of [1, 7, 1 << 16]) {
        const { driver, session, sends } = await forwarding(way);
        const side = new SpdySide();
        const sent: Buffer[] = [];
        for (const [index, port] of ['8080', '5432', '8080'].entries()) sent.push(sends(await connection(side, index, port)));
        const bytes = Buffer.concat(sent);
        for (let at = 0; at < bytes.length; at += size) session.agentData(bytes.subarray(at, at + size));
        assert.deepEqual(driver.takeTarget(), bytes);
        session.closed();
        const { intent, completion } = driver.exchanges[0]!;
        assert.deepEqual([intent.operation.verb, intent.operation.effect], ['pods/portforward', 'execute']);
        assert.deepEqual(completion!.parameters, { ports: ['8080', '5432'] });
        assert.equal(completion!.request!.size, bytes.length);
        assert.deepEqual(
          driver.exchanges.slice(1).map((each) => [each.intent.operation.parameters!['ports'], each.intent.attribution, each.completion]),
          ['8080', '5432'].map((port) => [[port], intent.attribution, { status: '101', error: undefined }]),
        );
      }
    });

    it(`over ${way} has a limit of ports, and no stream without one passes`, async () => {
      const { driver, session, sends } = await forwarding(way);
      const side = new SpdySide();
      for (let index = 0; index < MAX_FORWARDED_PORTS; index++) session.agentData(sends(await connection(side, index, String(index + 1))));
      assert.equal(driver.exchanges[0]!.completion, undefined);
      driver.takeTarget();
      session.agentData(sends(await connection(side, MAX_FORWARDED_PORTS, '9999')));
      assert.equal(driver.takeTarget().length, 0);
      assert.match(driver.exchanges[0]!.completion!.error!, /more than 256 ports/);
      for (const port of ['', '0', '-1', '80\x0044', '123456']) {
        const another = await forwarding(way);
        another.session.agentData(another.sends(await connection(new SpdySide(), 0, port)));
        assert.equal(another.driver.takeTarget().length, 0, JSON.stringify(port));
        assert.match(another.driver.exchanges[0]!.completion!.error!, /names no port/);
      }
    });
  }

  it('records a port before anything of it passes', async () => {
    const { driver, session, sends } = await forwarding('SPDY/3.1');
    session.agentData(sends(await connection(new SpdySide(), 0, '8080')));
    assert.deepEqual(driver.exchanges[1]!.intent.operation.parameters!['ports'], ['8080']);
    assert.equal(driver.exchanges[1]!.completion, undefined);
  });

  const portOf = (operations: readonly Operation[] | undefined): unknown =>
    (operations?.[0]?.parameters?.['ports'] as string[] | undefined)?.[0];
  const MASKING: Verdict = { ...ALLOW, mask: [{ fields: ['email'] }] };
  for (const [what, session, port, error] of [
    ['a rule denies', ALLOW, { ...ALLOW, action: 'Deny', reason: 'no databases' }, /port 5432 is refused: no databases/],
    ['the default denies', ALLOW, { ...ALLOW, action: 'Deny', rule: undefined }, /default of policy p/],
    ['another rule wants an approval for', ALLOW, { ...ALLOW, action: 'RequireApproval' }, /needs an approval/],
    ['a rule masks', ALLOW, MASKING, /cannot be masked/],
  ] as const) {
    it(`a port that ${what} ends the session: nothing of it passes, and the refusal is recorded`, async () => {
      const decide: Decide = (operations) => (portOf(operations) === '5432' ? port : session);
      const { driver, session: forwarded, sends } = await forwarding('SPDY/3.1', decide);
      const side = new SpdySide();
      const allowed = sends(await connection(side, 0, '8080'));
      forwarded.agentData(allowed);
      forwarded.agentData(sends(await connection(side, 1, '5432')));
      forwarded.agentData(sends(await connection(side, 2, '8080')));
      assert.deepEqual(driver.takeTarget(), allowed);
      const [whole, first, refused] = driver.exchanges;
      assert.match(whole!.completion!.error!, error);
      assert.deepEqual([first!.intent.verdict.action, first!.completion!.status], ['Allow', '101']);
      assert.deepEqual([refused!.intent.verdict.action, refused!.completion!.status], ['Deny', '403']);
      assert.match(`port 5432 is refused: ${refused!.completion!.error}`, error);
      assert.equal(driver.exchanges.length, 3);
    });
  }

  it('whose approval was given for all ports of its rule asks for none again', async () => {
    const { driver, session, sends } = await forwarding('SPDY/3.1', () => ({ ...ALLOW, action: 'RequireApproval' }));
    const bytes = sends(await connection(new SpdySide(), 0, '8080'));
    session.agentData(bytes);
    assert.deepEqual(driver.takeTarget(), bytes);
  });

  it('ends at a port that could not be recorded', async () => {
    const { driver, session, sends } = await forwarding('SPDY/3.1');
    driver.refusing = new EvidenceError('quota', 'the spool is full');
    session.agentData(sends(await connection(new SpdySide(), 0, '8080')));
    assert.equal(driver.takeTarget().length, 0);
    assert.match(driver.exchanges[0]!.completion!.error!, /the spool is full/);
    assert.equal(driver.exchanges.length, 1);
  });

  it("over WebSocket's channels has its ports in the URL, and is no terminal session", async () => {
    const { driver, session, sends } = await forwarding("WebSocket's channels");
    assert.deepEqual(driver.exchanges[0]!.intent.operation.parameters!['ports'], ['80', '81', '82']);
    const bytes = sends(Buffer.from('\0hello'));
    session.agentData(bytes);
    assert.deepEqual(driver.takeTarget(), bytes);
    session.closed();
    assert.deepEqual(
      driver.payloads.map(({ type }) => type),
      ['application/octet-stream'],
    );
  });
});
