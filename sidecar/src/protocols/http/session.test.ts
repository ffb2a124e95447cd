import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { EvidenceError } from '@cairn/audit';
import type { CompiledPolicy, Operation, Target, Verdict } from '@cairn/crds';
import { type Driver, type DriverOptions, createDriver } from '../../testing/session-driver.js';
import { MAX_DRAINED_BYTES, MAX_HELD_REQUEST_BYTES, MAX_PIPELINED } from './limits.js';
import { httpProtocol } from './module.js';
import type { HoldOutcome } from '../../guard/guard.js';
import { DialError, type Session } from '../protocol.js';

const TARGET: Target = {
  name: 'crm',
  protocol: 'http',
  hosts: ['crm.internal'],
  port: 8080,
  tls: { mode: 'Disable' },
  forward: [],
  capture: { maxRows: 100, maxBytes: 1 << 20 },
  functions: { read: [] },
};

const ALLOW: Verdict = { action: 'Allow', policy: 'p', rule: 'r', level: 'RequestResponse', delivery: 'Durable', mask: [] };
const DENY: Verdict = { ...ALLOW, action: 'Deny', rule: 'no', reason: 'not here' };

function open(options: Partial<DriverOptions> = {}): { driver: Driver; session: Session } {
  const driver = createDriver({ target: TARGET, decide: () => ALLOW, ...options });
  const session = httpProtocol.open(driver.context);
  driver.attach(session);
  session.start();
  return { driver, session };
}

const lines = (...all: string[]): Buffer => Buffer.from(all.join('\r\n'), 'latin1');
const get = (path = '/a', ...fields: string[]): Buffer => lines(`GET ${path} HTTP/1.1`, 'Host: crm.internal:8080', ...fields, '', '');
const ok = (body: string, ...fields: string[]): Buffer => lines('HTTP/1.1 200 OK', `Content-Length: ${body.length}`, ...fields, '', body);

function deferred<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve!: (value: T) => void;
  return { promise: new Promise<T>((settle) => (resolve = settle)), resolve };
}

/** Session with one exchange done, so that the target is connected. */
async function connected(options: Partial<DriverOptions> = {}): Promise<{ driver: Driver; session: Session }> {
  const made = open(options);
  made.session.agentData(get('/warm'));
  await made.driver.settle();
  made.session.targetData(ok(''));
  made.driver.takeAgent();
  made.driver.takeTarget();
  made.driver.exchanges.length = 0;
  return made;
}

describe('an HTTP session', () => {
  it('forwards the very bytes both ways and records intent and outcome', async () => {
    const { driver, session } = open();
    session.agentData(get());
    await driver.settle();
    assert.deepEqual(driver.takeTarget(), get());
    session.targetData(ok('hello', 'Content-Type: text/plain; charset=utf-8'));
    assert.deepEqual(driver.takeAgent(), ok('hello', 'Content-Type: text/plain; charset=utf-8'));
    const [exchange] = driver.exchanges;
    assert.equal(exchange!.intent.statement, 'GET /a');
    assert.deepEqual(exchange!.intent.operation, { verb: 'GET', resource: '/a', effect: 'read' });
    assert.deepEqual(exchange!.intent.request, { size: 0 });
    assert.equal(exchange!.completion!.status, '200');
    assert.equal(exchange!.completion!.response!.size, 5);
    assert.deepEqual(driver.payloads, [{ type: 'text/plain', bytes: Buffer.from('hello') }]);
  });

  it('records the intent before a byte goes out', async () => {
    const { driver, session } = open();
    driver.context.wire.toTarget = () => assert.equal(driver.exchanges.length, 1);
    session.agentData(get());
    await driver.settle();
  });

  it('is the same for every split of a request and a response', async () => {
    const request = lines(
      'POST /x?q=1 HTTP/1.1',
      'Host: crm.internal:8080',
      'Transfer-Encoding: chunked',
      '',
      '3;a=b',
      'abc',
      '2',
      'de',
      '0',
      'X-Sum: 1',
      '',
      '',
    );
    const response = lines('HTTP/1.1 200 OK', 'Transfer-Encoding: chunked', '', '4', 'wxyz', '0', '', '');
    for (let i = 1; i < request.length; i++) {
      const { driver, session } = await connected();
      session.agentData(request.subarray(0, i));
      session.agentData(request.subarray(i));
      assert.equal(driver.takeTarget().toString(), request.toString());
      const at = 1 + (i % (response.length - 1));
      session.targetData(response.subarray(0, at));
      session.targetData(response.subarray(at));
      assert.equal(driver.takeAgent().toString(), response.toString());
      const { intent, completion } = driver.exchanges[0]!;
      assert.equal((intent.request ?? completion!.request)!.size, 5);
      assert.equal(completion!.response!.size, 4);
      assert.deepEqual(
        driver.payloads.slice(-2).map(({ bytes }) => bytes.toString()),
        ['abcde', 'wxyz'],
      );
    }
  });

  it('keeps HEAD, 204, 304 and 1xx in step on a kept connection', async () => {
    const { driver, session } = await connected();
    session.agentData(lines('HEAD /h HTTP/1.1', 'Host: crm.internal:8080', '', ''));
    session.targetData(lines('HTTP/1.1 200 OK', 'Content-Length: 9', '', ''));
    session.agentData(get('/n'));
    session.targetData(lines('HTTP/1.1 103 Early Hints', 'Link: </x>', '', 'HTTP/1.1 204 No Content', '', ''));
    session.agentData(get('/m'));
    session.targetData(lines('HTTP/1.1 304 Not Modified', 'Content-Length: 70', '', ''));
    session.agentData(get('/z'));
    session.targetData(ok('zz'));
    assert.deepEqual(
      driver.exchanges.map(({ intent, completion }) => [intent.statement, completion?.status]),
      [
        ['HEAD /h', '200'],
        ['GET /n', '204'],
        ['GET /m', '304'],
        ['GET /z', '200'],
      ],
    );
    assert.match(driver.takeAgent().toString(), /zz$/);
  });

  it('keeps 50 pipelined requests in order, one of them denied', async () => {
    const decide = (operations: readonly Operation[] | undefined) => (operations![0]!.resource === '/25' ? DENY : ALLOW);
    const { driver, session } = await connected({ decide });
    session.agentData(Buffer.concat(Array.from({ length: 50 }, (_, i) => get(`/${i}`))));
    const sent = driver
      .takeTarget()
      .toString()
      .match(/GET \/\d+/g)!;
    assert.equal(sent.length, 25, 'those behind the denied one wait');
    for (let i = 0; i < 25; i++) session.targetData(ok(`<${i}>`));
    assert.match(driver.takeAgent().toString(), /<24>HTTP\/1\.1 403 Forbidden[^]*"rule":"no"/);
    assert.equal(
      driver
        .takeTarget()
        .toString()
        .match(/GET \/\d+/g)!.length,
      24,
    );
    for (let i = 26; i < 50; i++) session.targetData(ok(`<${i}>`));
    assert.equal(driver.exchanges.length, 50);
    assert.deepEqual(
      driver.exchanges.map(({ completion }) => completion?.status),
      Array.from({ length: 50 }, (_, i) => (i === 25 ? '403' : '200')),
    );
    assert.match(driver.takeAgent().toString(), /<26>[^]*<49>$/);
  });

  it('forwards no more than the limit of pipelined requests', async () => {
    const { driver, session } = await connected();
    session.agentData(Buffer.concat(Array.from({ length: MAX_PIPELINED + 1 }, () => get())));
    assert.equal(driver.exchanges.length, MAX_PIPELINED);
    for (let i = 0; i < MAX_PIPELINED; i++) session.targetData(ok(''));
    assert.equal(driver.exchanges.length, MAX_PIPELINED + 1);
  });

  it('denies by the head: a body of 9.5 MB does not pass the rule, and the target is never dialled', () => {
    const { driver, session } = open({ decide: () => DENY });
    session.agentData(lines('POST /big HTTP/1.1', 'Host: crm.internal:8080', 'Content-Length: 9961472', '', ''));
    for (let i = 0; i < 152; i++) session.agentData(Buffer.alloc(65536));
    assert.match(
      driver.takeAgent().toString(),
      /^HTTP\/1\.1 403 Forbidden\r\n[^]*Connection: close\r\n[^]*"detail":"rule \\"no\\" of policy \\"p\\" denies POST \/big: not here\./,
    );
    assert.equal(driver.takeTarget().length, 0);
    assert.ok(!driver.events.includes('connectTarget'));
    assert.deepEqual([driver.exchanges[0]!.intent.verdict.action, driver.exchanges[0]!.completion!.status], ['Deny', '403']);
  });

  for (const [size, kept] of [
    [MAX_DRAINED_BYTES, true],
    [MAX_DRAINED_BYTES + 1, false],
  ] as const) {
    it(`after a denial ${kept ? 'keeps' : 'ends'} the connection where ${size} bytes are left`, () => {
      const { driver, session } = open({ decide: () => DENY });
      session.agentData(lines('POST /b HTTP/1.1', 'Host: crm.internal:8080', `Content-Length: ${size}`, '', ''));
      session.agentData(Buffer.alloc(size));
      session.agentData(get('/next'));
      assert.equal(driver.exchanges.length, kept ? 2 : 1);
      assert.equal(driver.events.includes('endAgent'), !kept);
    });
  }

  it('decides before 100 Continue is passed on', async () => {
    const expecting = lines('POST /e HTTP/1.1', 'Host: crm.internal:8080', 'Expect: 100-continue', 'Content-Length: 2', '', '');
    const { driver, session } = await connected();
    session.agentData(expecting);
    assert.equal(driver.takeAgent().length, 0);
    session.targetData(lines('HTTP/1.1 100 Continue', '', ''));
    assert.match(driver.takeAgent().toString(), /^HTTP\/1\.1 100 Continue/);
    session.agentData(Buffer.from('hi'));
    session.targetData(ok(''));
    assert.deepEqual(driver.exchanges[0]!.completion!.request!.size, 2);
    const denied = open({ decide: () => DENY });
    denied.session.agentData(expecting);
    assert.match(denied.driver.takeAgent().toString(), /^HTTP\/1\.1 403/);
    assert.ok(denied.driver.events.includes('endAgent'), 'whether the body comes is unknown, so the connection ends');
  });

  it('takes an answer that comes before the request has ended', async () => {
    const { driver, session } = await connected();
    session.agentData(lines('POST /e HTTP/1.1', 'Host: crm.internal:8080', 'Content-Length: 4', '', 'ab'));
    session.targetData(ok('early'));
    assert.equal(driver.exchanges[0]!.completion, undefined);
    session.agentData(Buffer.from('cd'));
    assert.equal(driver.exchanges[0]!.completion!.request!.size, 4);
  });

  it('reads a body until the target closes, then closes', async () => {
    const { driver, session } = await connected();
    session.agentData(get());
    session.targetData(lines('HTTP/1.1 200 OK', '', 'abc'));
    session.targetData(Buffer.from('def'));
    session.targetEnd();
    assert.match(driver.takeAgent().toString(), /abcdef$/);
    assert.equal(driver.exchanges[0]!.completion!.response!.size, 6);
    assert.ok(driver.events.includes('endAgent'));
  });

  it('completes with an error what breaks in the middle', async () => {
    const { driver, session } = await connected();
    session.agentData(get());
    session.targetData(lines('HTTP/1.1 200 OK', 'Content-Length: 10', '', 'abc'));
    session.targetEnd();
    assert.match(driver.exchanges[0]!.completion!.error!, /closed the connection before its answer was complete/);
    assert.equal(driver.exchanges[0]!.completion!.response!.size, 3);
    const gone = await connected();
    gone.session.agentData(get());
    gone.session.closed();
    assert.match(gone.driver.exchanges[0]!.completion!.error!, /connection was closed/);
  });

  it('answers 502 on a new connection that the target drops, and closes silently one that was in use', async () => {
    const fresh = open();
    fresh.session.agentData(get());
    await fresh.driver.settle();
    fresh.session.targetEnd();
    assert.match(fresh.driver.takeAgent().toString(), /^HTTP\/1\.1 502/);
    const used = await connected();
    used.session.agentData(get());
    used.session.targetEnd();
    assert.equal(used.driver.takeAgent().length, 0);
    assert.ok(used.driver.events.includes('endAgent'));
  });

  it('answers 502 or 504 where the target cannot be dialled', async () => {
    const error = Object.assign(new Error('connect ECONNREFUSED'), { code: 'refused' });
    const { driver, session } = open({ connect: () => Promise.reject(error) });
    session.agentData(get());
    await driver.settle();
    assert.match(driver.takeAgent().toString(), /^HTTP\/1\.1 502[^]*crm\.internal:8080 could not be reached/);
    assert.equal(driver.exchanges[0]!.completion!.status, '502');
  });

  it('refuses new work while evidence cannot be written, and ends when it fails', async () => {
    const { driver, session } = await connected();
    const error = new EvidenceError('disk-full', 'the disk is full');
    session.agentData(get('/one'));
    session.evidenceFailed(error);
    assert.match(driver.takeAgent().toString(), /^HTTP\/1\.1 503[^]*Retry-After: 5[^]*the disk is full/);
    const refusing = open();
    refusing.driver.refusing = error;
    refusing.session.agentData(get('/two'));
    assert.match(refusing.driver.takeAgent().toString(), /^HTTP\/1\.1 503/);
    assert.equal(refusing.driver.exchanges.length, 0);
  });

  it('waits for delivery under Strict', async () => {
    let deliver = (): void => {};
    const delivered = () => new Promise<void>((resolve) => (deliver = resolve));
    const { driver, session } = open({ decide: () => ({ ...ALLOW, delivery: 'Strict' }), delivered });
    session.agentData(get());
    await driver.settle();
    assert.equal(driver.takeTarget().length, 0);
    deliver();
    await driver.settle();
    assert.deepEqual(driver.takeTarget(), get());
  });

  it('answers 408 to a head that does not end', () => {
    const { driver, session } = open();
    session.agentData(Buffer.from('GET / HT'));
    assert.ok(driver.deadline);
    driver.deadline.expired();
    assert.match(driver.takeAgent().toString(), /^HTTP\/1\.1 408/);
    assert.ok(driver.events.includes('endAgent'));
  });

  it('disarms the deadline when the head ends, and arms it anew for the next', async () => {
    const { driver, session } = await connected();
    session.agentData(get().subarray(0, 9));
    const first = driver.deadline;
    session.agentData(Buffer.concat([get().subarray(9), get().subarray(0, 9)]));
    assert.ok(first && driver.deadline && driver.deadline !== first);
    session.agentData(get().subarray(9));
    assert.equal(driver.deadline, undefined);
  });

  it('refuses another host, and routes it anew where the proxy can', () => {
    const { driver, session } = open();
    session.agentData(lines('GET / HTTP/1.1', 'Host: evil.internal', '', ''));
    assert.match(driver.takeAgent().toString(), /^HTTP\/1\.1 421/);
    assert.equal(driver.exchanges[0]!.intent.verdict.action, 'Deny');
    const routed: Buffer[] = [];
    const proxy = open({ reroute: (bytes) => void routed.push(Buffer.from(bytes)) });
    const request = lines('GET http://other.internal/x HTTP/1.1', 'Host: other.internal', '', '');
    proxy.session.agentData(Buffer.concat([request, request]));
    assert.deepEqual(Buffer.concat(routed), Buffer.concat([request, request]));
  });

  it('makes origin-form of absolute-form', async () => {
    const { driver, session } = await connected();
    session.agentData(lines('GET http://crm.internal:8080/p?q=1 HTTP/1.1', 'Host: crm.internal:8080', 'A: b', '', ''));
    assert.equal(driver.takeTarget().toString(), get('/p?q=1', 'A: b').toString());
  });

  it('refuses CONNECT, which only the listener takes', () => {
    const { driver, session } = open();
    session.agentData(lines('CONNECT crm.internal:8080 HTTP/1.1', 'Host: crm.internal:8080', '', ''));
    assert.match(driver.takeAgent().toString(), /^HTTP\/1\.1 501/);
    assert.equal(driver.exchanges[0]!.intent.statement, 'CONNECT crm.internal:8080');
  });

  it('records a malformed request as denied', () => {
    const { driver, session } = open();
    session.agentData(lines('GET / HTTP/1.1', 'Host: a', 'Host: b', '', ''));
    assert.match(driver.takeAgent().toString(), /^HTTP\/1\.1 400[^]*several-hosts/);
    assert.deepEqual([driver.exchanges[0]!.intent.operation.verb, driver.exchanges[0]!.intent.verdict.action], ['MALFORMED', 'Deny']);
  });

  it('answers 401 where nobody is known and the policy wants somebody', () => {
    const nobody: Verdict = { ...DENY, reason: 'no identity' };
    const { driver, session } = open({ decide: () => nobody, policy: { unidentified: nobody } as CompiledPolicy });
    session.agentData(get());
    assert.match(driver.takeAgent().toString(), /^HTTP\/1\.1 401[^]*WWW-Authenticate: Bearer/);
  });

  it('serves TLS to the agent that begins with a ClientHello', () => {
    const { driver, session } = open();
    session.agentData(Buffer.from([0x16, 3, 1, 0, 5]));
    assert.deepEqual(driver.events, ['secureAgent']);
  });

  it('speaks TLS to the target where it is declared', async () => {
    const { driver, session } = open({ target: { ...TARGET, tls: { mode: 'Require' } } });
    session.agentData(get());
    await driver.settle();
    assert.deepEqual(
      driver.events.filter((event) => event.endsWith('Target')),
      ['connectTarget', 'secureTarget'],
    );
  });

  it('lets a half-closing agent have its answer', async () => {
    const { driver, session } = await connected();
    session.agentData(get());
    session.agentEnd();
    session.targetData(ok('late'));
    assert.match(driver.takeAgent().toString(), /late$/);
    assert.ok(driver.events.includes('endTarget'));
  });
});

describe('approvals over HTTP', () => {
  const HOLD: Verdict = { ...ALLOW, action: 'RequireApproval', rule: 'writes', approval: { groups: ['g'], minimum: 1, timeout: '1h' } };
  const post = (...fields: string[]): Buffer =>
    lines('POST /w HTTP/1.1', 'Host: crm.internal:8080', ...fields, 'Content-Length: 3', '', 'abc');

  it('holds the request, asks with its stable bytes and goes on when approved', async () => {
    const asked: string[] = [];
    const hold = (request: { bytes: readonly Uint8Array[] }) => {
      asked.push(Buffer.concat(request.bytes).toString());
      return Promise.resolve({ state: 'approved' as const, id: 'a1', approvers: ['bob'], message: 'approved' });
    };
    const { driver, session } = open({ decide: () => HOLD, hold });
    session.agentData(post('traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'));
    await driver.settle();
    assert.match(driver.takeTarget().toString(), /abc$/);
    session.targetData(ok(''));
    session.agentData(
      lines('POST /w HTTP/1.1', 'Host: crm.internal:8080', 'Transfer-Encoding: chunked', '', '1', 'a', '2', 'bc', '0', '', ''),
    );
    await driver.settle();
    assert.deepEqual(asked, ['POST /w\r\nhost:crm.internal:8080\r\n\r\nabc', 'POST /w\r\nhost:crm.internal:8080\r\n\r\nabc']);
    assert.equal(driver.exchanges[0]!.outcome!.state, 'approved');
    assert.equal(driver.exchanges[0]!.intent.request!.size, 3);
  });

  it('answers 403 with the approval and when to retry, and keeps the connection', async () => {
    const hold = () => Promise.resolve({ state: 'pending' as const, id: 'a7', approvers: [], message: 'Approval a7 is pending.' });
    const { driver, session } = open({ decide: () => HOLD, hold });
    session.agentData(post());
    await driver.settle();
    assert.match(driver.takeAgent().toString(), /^HTTP\/1\.1 403[^]*Retry-After: 15[^]*approval-pending[^]*"approval":"a7"/);
    assert.equal(driver.takeTarget().length, 0);
    assert.ok(!driver.events.includes('endAgent'));
  });

  it('asks for the body itself where the agent waits for 100', async () => {
    const { driver, session } = open({ decide: () => HOLD });
    session.agentData(lines('POST /w HTTP/1.1', 'Host: crm.internal:8080', 'Expect: 100-continue', 'Content-Length: 3', '', ''));
    assert.equal(driver.takeAgent().toString(), 'HTTP/1.1 100 Continue\r\n\r\n');
    session.agentData(Buffer.from('abc'));
    await driver.settle();
    session.targetData(lines('HTTP/1.1 100 Continue', '', 'HTTP/1.1 201 Created', 'Content-Length: 0', '', ''));
    assert.match(driver.takeAgent().toString(), /^HTTP\/1\.1 201/);
  });

  for (const [size, fits] of [
    [MAX_HELD_REQUEST_BYTES, true],
    [MAX_HELD_REQUEST_BYTES + 1, false],
  ] as const) {
    it(`${fits ? 'holds' : 'refuses'} ${size} bytes`, async () => {
      const { driver, session } = open({ decide: () => HOLD });
      session.agentData(lines('POST /w HTTP/1.1', 'Host: crm.internal:8080', `Content-Length: ${size}`, '', ''));
      session.agentData(Buffer.alloc(size));
      await driver.settle();
      if (fits) assert.ok(driver.takeTarget().length > size);
      else assert.match(driver.takeAgent().toString(), /^HTTP\/1\.1 413/);
    });
  }

  describe('when the target closes its idle connection meanwhile', () => {
    const onlyPosts = (operations: readonly Operation[] | undefined): Verdict => (operations![0]!.verb === 'POST' ? HOLD : ALLOW);

    it('sends the approved request on a new connection, once', async () => {
      const asked = deferred<HoldOutcome>();
      const { driver, session } = await connected({ decide: onlyPosts, hold: () => asked.promise });
      session.agentData(post());
      session.targetData(Buffer.from('HTTP/1.1 408 Requ'));
      session.targetEnd();
      await driver.settle();
      assert.equal(driver.takeAgent().length, 0, 'nobody decided yet');
      asked.resolve({ state: 'approved', id: 'a1', approvers: ['bob'], message: 'approved' });
      await driver.settle();
      assert.equal(driver.events.filter((event) => event === 'connectTarget').length, 2);
      assert.deepEqual(driver.takeTarget(), post());
      session.targetData(ok('done'));
      assert.deepEqual(driver.takeAgent(), ok('done'));
      session.agentData(get('/next'));
      assert.deepEqual(driver.takeTarget(), get('/next'), 'the connection goes on');
      assert.deepEqual([driver.exchanges[0]!.outcome!.state, driver.exchanges[0]!.completion!.status], ['approved', '200']);
    });

    for (const state of ['pending', 'denied'] as const) {
      it(`says that the approval is ${state}, and which`, async () => {
        const asked = deferred<HoldOutcome>();
        const { driver, session } = await connected({ decide: onlyPosts, hold: () => asked.promise });
        session.agentData(post());
        session.targetEnd();
        asked.resolve({ state, id: 'a7', approvers: [], message: `approval a7 is ${state}` });
        await driver.settle();
        assert.match(driver.takeAgent().toString(), new RegExp(`^HTTP/1\\.1 403[^]*approval-${state}[^]*"approval":"a7"`));
        assert.equal(driver.takeTarget().length, 0);
        assert.deepEqual([driver.exchanges[0]!.outcome!.id, driver.exchanges[0]!.completion!.status], ['a7', '403']);
      });
    }

    it('says so where the target cannot be reached any more', async () => {
      const asked = deferred<HoldOutcome>();
      let dialled = 0;
      const connect = (): Promise<void> => (++dialled === 1 ? Promise.resolve() : Promise.reject(new DialError('refused', 'refused')));
      const { driver, session } = await connected({ decide: onlyPosts, hold: () => asked.promise, connect });
      session.agentData(post());
      session.targetEnd();
      asked.resolve({ state: 'approved', id: 'a1', approvers: ['bob'], message: 'approved' });
      await driver.settle();
      assert.match(driver.takeAgent().toString(), /^HTTP\/1\.1 502[^]*target-refused/);
      assert.equal(driver.exchanges[0]!.completion!.status, '502');
    });

    it('takes the rest of a body that was not asked about yet', async () => {
      const { driver, session } = await connected({ decide: onlyPosts });
      session.agentData(post().subarray(0, -1));
      session.targetEnd();
      session.agentData(post().subarray(-1));
      await driver.settle();
      assert.deepEqual(driver.takeTarget(), post());
    });

    it('does the same for a request that waits for its delivery', async () => {
      const delivery = deferred<void>();
      const decide = (operations: readonly Operation[] | undefined): Verdict =>
        operations![0]!.verb === 'POST' ? { ...ALLOW, delivery: 'Strict' } : ALLOW;
      const { driver, session } = await connected({ decide, delivered: () => delivery.promise });
      session.agentData(post());
      session.targetEnd();
      delivery.resolve();
      await driver.settle();
      assert.deepEqual(driver.takeTarget(), post());
    });
  });
});

describe('upgrades', () => {
  const upgrade = (protocol: string): Buffer => get('/ws', 'Connection: Upgrade', `Upgrade: ${protocol}`);

  it('becomes a recorded tunnel after 101, bytes behind either head included', async () => {
    const { driver, session } = await connected();
    session.agentData(Buffer.concat([upgrade('websocket'), Buffer.from('ping')]));
    assert.deepEqual(driver.takeTarget(), upgrade('websocket'));
    session.targetData(lines('HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade', '', 'pong'));
    assert.match(driver.takeAgent().toString(), /pong$/);
    assert.equal(driver.takeTarget().toString(), 'ping');
    session.agentData(Buffer.from([0, 1, 2]));
    session.targetEnd();
    session.agentEnd();
    const { completion } = driver.exchanges[0]!;
    assert.deepEqual([completion!.status, completion!.request!.size, completion!.response!.size], ['101', 7, 4]);
  });

  it('goes on with HTTP where the target does not switch', async () => {
    const { driver, session } = await connected();
    session.agentData(Buffer.concat([upgrade('websocket'), get('/b')]));
    session.targetData(ok('no'));
    assert.deepEqual(driver.takeTarget(), Buffer.concat([upgrade('websocket'), get('/b')]));
    session.targetData(ok('b'));
    assert.equal(driver.exchanges.length, 2);
  });

  it('never passes h2c on, and breaks where the target switches unasked', async () => {
    const { driver, session } = await connected();
    session.agentData(get('/h2', 'Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA'));
    assert.equal(driver.takeTarget().toString(), get('/h2').toString());
    session.targetData(lines('HTTP/1.1 101 Switching Protocols', 'Upgrade: h2c', '', ''));
    assert.match(driver.takeAgent().toString(), /^HTTP\/1\.1 502/);
  });

  it('is denied by the same rules', async () => {
    const { driver, session } = open({ decide: () => DENY });
    session.agentData(upgrade('websocket'));
    assert.match(driver.takeAgent().toString(), /^HTTP\/1\.1 403/);
  });
});
