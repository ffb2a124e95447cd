import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { EvidenceError } from '@cairn/audit';
import type { Target, Verdict } from '@cairn/crds';
import { array, assert as hold, asyncProperty, integer } from 'fast-check';
import type { Attribution } from '../../attribute/attribution.js';
import { createDriver, type Driver, type DriverOptions } from '../../testing/session-driver.js';
import { CancelKeys } from './cancel.js';
import { MAX_PIPELINED, MAX_PORTALS, MAX_PREPARED, MAX_STARTUP_BYTES } from './limits.js';
import { errorResponse, executeMessage, message, packet, parseMessage, queryMessage, SYNC } from './messages.js';
import { renderPostgresPayload } from './render.js';
import { PostgresSession } from './session.js';
import { SqlClassifier } from './sql/classify.js';

const TARGET: Target = {
  name: 'orders',
  protocol: 'postgres',
  hosts: ['orders.internal'],
  port: 5432,
  tls: { mode: 'Disable' },
  forward: [],
  capture: { maxRows: 2, maxBytes: 1_000 },
  functions: { read: [] },
};
const ALLOW: Verdict = Object.freeze({ action: 'Allow', policy: 'p', level: 'RequestResponse', delivery: 'Durable', mask: [] });
const DENY: Verdict = { ...ALLOW, action: 'Deny', rule: 'no', reason: 'not allowed' };

let classifier: SqlClassifier;
const keys = new CancelKeys();
before(async () => {
  classifier = await SqlClassifier.load([]);
});

const startup = (minor = 0, ...parameters: string[]): Buffer =>
  packet(0x30000 | minor, Buffer.from([...['user', 'anybody'], ...parameters, ''].map((word) => `${word}\0`).join('')));
const READY = message('Z', 'I');
const AUTHENTICATED = message('R', Buffer.alloc(4));
const KEY = message('K', Buffer.from([0, 0, 0, 7, 1, 2, 3, 4]));
const tag = (text: string): Buffer => message('C', text, '\0');
const field = (name: string, oid = 25): Buffer =>
  Buffer.concat([Buffer.from(`${name}\0`), Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 0, oid, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0])]);
const columns = (...names: string[]): Buffer => message('T', Buffer.from([0, names.length]), ...names.map((name) => field(name)));
const row = (...values: string[]): Buffer =>
  message('D', Buffer.from([0, values.length]), ...values.flatMap((value) => [Buffer.from([0, 0, 0, value.length]), Buffer.from(value)]));
const bind = (statement: string, ...values: string[]): Buffer =>
  message(
    'B',
    '\0',
    statement,
    '\0',
    Buffer.from([0, 0, 0, values.length]),
    ...values.flatMap((value) => [Buffer.from([0, 0, 0, value.length]), Buffer.from(value)]),
    Buffer.from([0, 0]),
  );

interface Opened {
  driver: Driver;
  session: PostgresSession;
}

function greeted(options: Partial<DriverOptions> = {}): Opened {
  const driver = createDriver({ target: TARGET, ...options });
  const session = new PostgresSession(driver.context, classifier, keys);
  driver.attach(session);
  session.start();
  return { driver, session };
}

/** A session that is ready for queries; what was said so far is forgotten. */
async function opened(options: Partial<DriverOptions> = {}): Promise<Opened> {
  const { driver, session } = greeted(options);
  session.agentData(startup());
  await driver.settle();
  session.targetData(Buffer.concat([AUTHENTICATED, KEY]));
  await driver.settle();
  session.targetData(READY);
  driver.takeAgent();
  driver.takeTarget();
  driver.exchanges.length = 0;
  return { driver, session };
}

describe('a PostgreSQL session', () => {
  it('says the same for every split of what both sides send', async () => {
    const agent = Buffer.concat([
      queryMessage('select a from t'),
      parseMessage('', 'select $1'),
      bind('', 'x'),
      message('D', 'P\0'),
      executeMessage(''),
      SYNC,
    ]);
    const target = Buffer.concat([
      columns('a'),
      row('1'),
      row('22'),
      row('333'),
      tag('SELECT 3'),
      READY,
      message('1'),
      message('2'),
      columns('c'),
      row('x'),
      tag('SELECT 1'),
      READY,
    ]);
    const cuts = (bytes: Buffer, sizes: number[]): Buffer[] => {
      const parts: Buffer[] = [];
      let at = 0;
      for (const size of sizes) parts.push(bytes.subarray(at, (at += size)));
      return [...parts, bytes.subarray(at)].filter((part) => part.length > 0);
    };
    const sizes = array(integer({ min: 1, max: 25 }), { maxLength: 40 });
    await hold(
      asyncProperty(sizes, sizes, async (agentSizes, targetSizes) => {
        const { driver, session } = await opened();
        for (const part of cuts(agent, agentSizes)) session.agentData(Buffer.from(part));
        assert.deepEqual(driver.takeTarget(), agent);
        for (const part of cuts(target, targetSizes)) session.targetData(Buffer.from(part));
        assert.deepEqual(driver.takeAgent(), target);
        const [first, second] = driver.exchanges;
        assert.equal(first?.completion?.rows, 3);
        assert.equal(first?.completion?.response?.truncated, true);
        assert.deepEqual(second?.intent.operation.parameters, { 1: 'x' });
        assert.deepEqual(second?.completion?.columns, [{ name: 'c', type: 'text' }]);
        assert.deepEqual(renderPostgresPayload(driver.payloads[0]!.bytes).rows, [['1'], ['22']]);
        assert.deepEqual(renderPostgresPayload(driver.payloads[1]!.bytes), { columns: [{ name: 'c', type: 'text' }], rows: [['x']] });
      }),
      { numRuns: 60 },
    );
  });

  it('takes a startup packet at the limit and refuses one byte more', () => {
    for (const [extra, answered] of [
      [0, 0],
      [1, 1],
    ] as const) {
      const { driver, session } = greeted();
      const head = packet(0x30000, Buffer.from('user\0x\0a\0'));
      const whole = packet(
        0x30000,
        Buffer.concat([Buffer.from('user\0x\0a\0'), Buffer.alloc(MAX_STARTUP_BYTES - head.length - 2 + extra, 97), Buffer.from('\0\0')]),
      );
      assert.equal(whole.length, MAX_STARTUP_BYTES + extra);
      session.agentData(whole);
      assert.equal(driver.takeAgent().includes('08P01') ? 1 : 0, answered);
    }
  });

  it('refuses what is no startup packet', () => {
    for (const bytes of [
      Buffer.from('GET / HTTP/1.1\r\n\r\n'),
      packet(0x20000),
      packet(0x30000, Buffer.from('user\0x')),
      Buffer.from([0, 0, 0, 3, 0, 0, 0, 0]),
    ]) {
      const { driver, session } = greeted();
      session.agentData(bytes);
      assert.match(driver.takeAgent().toString(), /08P01/);
      assert.ok(driver.events.includes('endAgent'));
    }
  });

  it('refuses bytes in the clear behind an SSLRequest', () => {
    const { driver, session } = greeted();
    session.agentData(Buffer.concat([packet(80_877_103), startup()]));
    assert.match(driver.takeAgent().toString(), /08P01/);
  });

  it('negotiates 3.9 down to 3.2, and gives the longer cancel key', async () => {
    const { driver, session } = greeted();
    session.agentData(startup(9, '_pq_.future', 'on'));
    await driver.settle();
    assert.equal(driver.takeTarget().readInt32BE(4), 0x30002);
    session.targetData(Buffer.concat([AUTHENTICATED, message('K', Buffer.from([0, 0, 0, 7]), Buffer.alloc(32, 5)), READY]));
    await driver.settle();
    const answer = driver.takeAgent();
    assert.equal(answer[0], 'v'.charCodeAt(0));
    assert.ok(answer.includes('_pq_.future'));
    const key = answer.subarray(answer.indexOf('K'));
    assert.equal(key.readInt32BE(1), 40);
    assert.ok(!answer.includes(Buffer.alloc(32, 5)), 'the key of the server stays here');
  });

  it('maps a cancel request to the key of the server', async () => {
    const { driver, session } = greeted();
    session.agentData(startup());
    await driver.settle();
    session.targetData(Buffer.concat([AUTHENTICATED, KEY, READY]));
    await driver.settle();
    const answer = driver.takeAgent();
    const key = answer.subarray(answer.indexOf('K') + 5, answer.indexOf('K') + 13);
    const other = greeted();
    other.session.agentData(packet(80_877_102, key));
    await other.driver.settle();
    assert.deepEqual(other.driver.takeTarget(), packet(80_877_102, Buffer.from([0, 0, 0, 7, 1, 2, 3, 4])));
    const stranger = greeted();
    stranger.session.agentData(packet(80_877_102, Buffer.from([0, 0, 0, 7, 9, 9, 9, 9])));
    await stranger.driver.settle();
    assert.equal(stranger.driver.takeTarget().length, 0);
  });

  it('tags the server with who acts, between batches, unseen by the agent', async () => {
    let name = 'alice';
    const attribute = (): Attribution => ({
      method: 'serialized',
      identity: {
        root: { iss: 'i', sub: name, name, groups: [], authn: 'oidc' },
        launch: { id: '1', chain: '1', depth: 1, path: ['ns/planner'] },
      },
      token: undefined,
      candidates: undefined,
      cause: undefined,
    });
    const { driver, session } = await opened({ attribute });
    session.agentData(queryMessage('select 1'));
    assert.deepEqual(driver.takeTarget(), queryMessage('select 1'));
    session.targetData(Buffer.concat([tag('SELECT 1'), READY]));
    driver.takeAgent();
    name = "o'bob";
    session.agentData(queryMessage('select 2'));
    assert.deepEqual(
      driver.takeTarget(),
      Buffer.concat([queryMessage("SET application_name TO 'o''bob/planner'"), queryMessage('select 2')]),
    );
    session.targetData(Buffer.concat([tag('SET'), message('S', 'application_name\0x\0'), READY, tag('SELECT 1'), READY]));
    assert.deepEqual(driver.takeAgent(), Buffer.concat([tag('SELECT 1'), READY]));
    assert.equal(driver.exchanges.length, 2);
  });

  it('answers a denied statement of a batch in its place, and skips to Sync', async () => {
    const decide: DriverOptions['decide'] = (operations) => (operations?.[0]?.verb === 'DELETE' ? DENY : ALLOW);
    const { driver, session } = await opened({ decide });
    session.agentData(
      Buffer.concat([
        parseMessage('', 'select 1'),
        bind(''),
        executeMessage(''),
        parseMessage('', 'delete from t'),
        bind(''),
        executeMessage(''),
        SYNC,
      ]),
    );
    const sent = driver.takeTarget();
    assert.ok(!sent.includes('delete'));
    session.targetData(
      Buffer.concat([
        message('1'),
        message('2'),
        columns('a'),
        row('1'),
        tag('SELECT 1'),
        errorResponse({ code: '34000', message: 'portal does not exist' }),
        message('Z', 'I'),
      ]),
    );
    const answer = driver.takeAgent();
    assert.ok(answer.includes('42501') && answer.includes('not allowed') && !answer.includes('34000'));
    assert.deepEqual(
      driver.exchanges.map(({ completion }) => completion?.status),
      ['00000', '42501'],
    );
  });

  it('does not let a name stand for two statements while the server has not answered', async () => {
    const { driver, session } = await opened();
    session.agentData(Buffer.concat([parseMessage('s', 'select broken from'.replace(' from', '')), SYNC]));
    driver.takeTarget();
    session.agentData(Buffer.concat([bind('s'), executeMessage(''), SYNC]));
    assert.equal(driver.takeTarget().length, 0, 'waits for the answer to Parse');
    assert.equal(driver.exchanges.length, 0);
    session.targetData(Buffer.concat([errorResponse({ code: '42703', message: 'no such column' }), READY]));
    assert.ok(driver.takeTarget().length > 0);
    assert.equal(driver.exchanges[0]?.intent.operation.verb, 'EXECUTE', 'the statement does not exist, so what runs is not known');
    assert.equal(driver.exchanges[0]?.intent.operation.effect, 'write');
  });

  it('holds a statement for approval, and tells how to go on when nobody decided', async () => {
    const verdict: Verdict = {
      ...ALLOW,
      action: 'RequireApproval',
      rule: 'writes',
      approval: { groups: ['owners'], minimum: 1, timeout: '1h' },
    };
    for (const state of ['approved', 'pending', 'denied'] as const) {
      const { driver, session } = await opened({
        decide: () => verdict,
        hold: () => Promise.resolve({ state, id: 'a-1', approvers: [], message: 'said' }),
      });
      session.agentData(Buffer.concat([queryMessage('delete from t'), queryMessage('select 2')]));
      assert.equal(driver.takeTarget().length, 0);
      assert.ok(driver.events.includes('pauseAgent'));
      await driver.settle();
      assert.equal(driver.takeTarget().includes('delete from t'), state === 'approved');
      assert.equal(driver.exchanges[0]?.outcome?.state, state);
      if (state === 'approved') continue;
      session.targetData(Buffer.concat([errorResponse({ code: '34000', message: 'x' }), READY]));
      const answer = driver.takeAgent().toString();
      assert.match(answer, state === 'pending' ? /a-1 is granted, send the same statement again/ : /not approved \(denied\)/);
    }
  });

  it('waits for Strict delivery before anything goes out', async () => {
    let deliver = (): void => {};
    const delivered = new Promise<void>((resolve) => (deliver = resolve));
    const { driver, session } = await opened({ decide: () => ({ ...ALLOW, delivery: 'Strict' }), delivered: () => delivered });
    session.agentData(queryMessage('select 1'));
    await driver.settle();
    assert.equal(driver.takeTarget().length, 0);
    deliver();
    await driver.settle();
    assert.deepEqual(driver.takeTarget(), queryMessage('select 1'));
  });

  it('refuses statements while evidence cannot be written, and ends when it fails', async () => {
    const { driver, session } = await opened();
    driver.refusing = new EvidenceError('quota', 'the spool is full');
    session.agentData(queryMessage('delete from t'));
    assert.ok(!driver.takeTarget().includes('delete'));
    session.targetData(Buffer.concat([errorResponse({ code: '34000', message: 'x' }), READY]));
    assert.match(driver.takeAgent().toString(), /53100.*the spool is full/s);
    driver.refusing = undefined;
    session.evidenceFailed(new EvidenceError('io', 'disk error'));
    assert.match(driver.takeAgent().toString(), /FATAL.*58030/s);
    assert.ok(driver.events.includes('endTarget'));
  });

  it('completes what is open when the connection breaks', async () => {
    const { driver, session } = await opened();
    session.agentData(queryMessage('select 1'));
    session.closed();
    assert.equal(driver.exchanges[0]?.completion?.status, '08006');
  });

  it('lets the agent run ahead of the server by so many messages and no further', async () => {
    const { driver, session } = await opened();
    session.agentData(Buffer.concat(Array.from({ length: MAX_PIPELINED - 1 }, () => SYNC)));
    assert.ok(!driver.events.includes('pauseAgent'));
    session.agentData(Buffer.concat([SYNC, SYNC]));
    assert.ok(driver.events.includes('pauseAgent'));
    assert.equal(driver.takeTarget().length, 5 * MAX_PIPELINED);
    session.targetData(Buffer.concat(Array.from({ length: MAX_PIPELINED }, () => READY)));
    assert.equal(driver.takeTarget().length, 5);
  });

  it('keeps so many prepared statements and portals, and refuses one more', async () => {
    for (const [limit, make] of [
      [MAX_PREPARED, (name: string) => parseMessage(name, 'select 1')],
      [MAX_PORTALS, (name: string) => message('B', `${name}\0\0`, Buffer.alloc(6))],
    ] as const) {
      const { driver, session } = await opened();
      for (let index = 0; index < limit; index++) {
        session.agentData(Buffer.concat([make(`n${index}`), SYNC]));
        session.targetData(Buffer.concat([message(limit === MAX_PREPARED ? '1' : '2'), message('Z', 'T')]));
      }
      assert.ok(!driver.takeTarget().includes('cairn refused'));
      session.agentData(Buffer.concat([make('one more'), SYNC]));
      assert.ok(driver.takeTarget().includes('cairn refused'));
    }
  });

  it('ends on bytes that are no messages, from either side', async () => {
    for (const side of ['agentData', 'targetData'] as const) {
      const { driver, session } = await opened();
      session[side](Buffer.from([0x51, 0, 0, 0, 1, 0]));
      assert.match(driver.takeAgent().toString(), /08P01/);
      assert.ok(driver.events.includes('endAgent') && driver.events.includes('endTarget'));
    }
  });
});
