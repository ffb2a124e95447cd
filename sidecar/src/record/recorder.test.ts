import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { EventClock, parseEvent, validateEvent, type AuditEvent, type LateEvent, type StreamWriter } from '@cairn/audit';
import type { Operation, Verdict } from '@cairn/crds';
import * as fc from 'fast-check';
import type { Attribution } from '../attribute/attribution.js';
import type { Turn } from '../pump/turn.js';
import type { Completion, Intent } from './exchange.js';
import { DELIVERY_MS } from './limits.js';
import { MAX_PARAMETER_DEPTH } from './recordable.js';
import { sessionRecorder, type SessionFacts } from './recorder.js';
import { Tally } from './tally.js';

const STREAM = '01900000-0000-7000-8000-000000000000';
const INTEGRITY = `"integrity":{"hash":"${'a'.repeat(64)}","prev":"${'0'.repeat(64)}","seq":0,"stream":"${STREAM}"}`;
const AGENT = { name: 'planner', namespace: 'research', pod: 'planner-0', uid: 'uid', node: 'node' };
const FACTS: SessionFacts = { id: STREAM, direction: 'outbound', protocol: 'http', target: { name: 't', host: 'h', port: 80 } };
const VERDICT: Verdict = { action: 'Allow', policy: 'p', level: 'Metadata', delivery: 'Durable', mask: [] };
const NOBODY: Attribution = { method: 'none', identity: undefined, token: undefined, candidates: undefined, cause: undefined };
const READ: Operation = { verb: 'GET', resource: '/x', effect: 'read' };

/** A recorder whose events are checked as they are written: by their bytes, then by the schema. */
function recording(shipped: () => Promise<void> = () => Promise.resolve()): {
  recorder: ReturnType<typeof sessionRecorder>;
  events: AuditEvent[];
  tally: Tally;
  clock: { ms: number };
} {
  const events: AuditEvent[] = [];
  const append = (head: string, tail: string): number => {
    const event = parseEvent(Buffer.from(`${head},${INTEGRITY},${tail}`));
    assert.deepEqual(validateEvent(event), []);
    return events.push(event);
  };
  const stream = {
    refusing: undefined,
    append,
    appendLate(event: LateEvent): number {
      const [head, tail] = [event.head(), event.tail()];
      assert.ok(head.length + tail.length <= event.units, `${head.length + tail.length} units, ${event.units} were told`);
      return append(head, tail);
    },
    synced: () => Promise.resolve(),
    shipped,
  } as unknown as StreamWriter;
  const turn = { touch: () => undefined, after: (callback: () => void) => callback() } as Turn;
  const tally = new Tally();
  const clock = { ms: 5 };
  const recorder = sessionRecorder({ stream, turn, clock: new EventClock(), now: () => clock.ms, agent: AGENT, tally }, FACTS);
  return { recorder, events, tally, clock };
}

const one = (intent: Partial<Intent>): AuditEvent => {
  const { recorder, events } = recording();
  recorder.intent({ attribution: NOBODY, verdict: VERDICT, operation: READ, ...intent });
  return events[0]!;
};
const parameters = (value: unknown): unknown => one({ operation: { ...READ, parameters: { v: value } } }).operation?.parameters?.['v'];

describe('the recorder', () => {
  it('refuses a Strict exchange whose intent Kafka has not acknowledged in time, and not before', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const { recorder } = recording(() => new Promise(() => {}));
    const strict = recorder.intent({ attribution: NOBODY, verdict: { ...VERDICT, delivery: 'Strict' }, operation: READ }).delivered();
    let settled = false;
    void strict.catch(() => (settled = true));
    t.mock.timers.tick(DELIVERY_MS - 1);
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(settled, false);
    t.mock.timers.tick(1);
    await assert.rejects(strict, { name: 'EvidenceError', code: 'undelivered' });
    await recorder.intent({ attribution: NOBODY, verdict: VERDICT, operation: READ }).delivered();
  });

  it('writes intent, decision and complete of an exchange, joined by their ids', () => {
    const { recorder, events, clock, tally } = recording();
    const exchange = recorder.intent({
      attribution: { ...NOBODY, cause: 'before' },
      verdict: VERDICT,
      operation: READ,
      statement: 'GET /x',
    });
    exchange.decided({ state: 'approved', id: 'a', approvers: ['bob'], message: 'approved by bob' });
    clock.ms += 1.23456;
    exchange.complete({ status: '200', response: { size: 3, sha256: 'b'.repeat(64) }, rows: 2 });
    const [intent, decision, complete] = events as [AuditEvent, AuditEvent, AuditEvent];
    assert.deepEqual(
      events.map(({ stage }) => stage),
      ['intent', 'decision', 'complete'],
    );
    assert.equal(intent.id, exchange.id);
    assert.deepEqual(
      events.map(({ cause }) => cause),
      ['before', exchange.id, exchange.id],
    );
    assert.deepEqual(intent.decision, { action: 'Allow', policy: 'p' });
    const held = { action: 'Allow', policy: 'p', reason: 'approved by bob', approval: { id: 'a', state: 'approved', approvers: ['bob'] } };
    assert.deepEqual(decision.decision, held);
    assert.deepEqual(complete.decision, held);
    assert.deepEqual(complete.response, { status: '200', size: 3, sha256: 'b'.repeat(64), rows: 2, duration: 1.235 });
    for (const event of events) assert.deepEqual(event.operation, { ...READ, statement: 'GET /x' });
    for (const event of events) assert.deepEqual(event.session, { id: STREAM, seq: 1, direction: 'outbound' });
    assert.deepEqual(tally.of('http'), { Allow: 1, Deny: 0, RequireApproval: 0, completed: 1 });
  });

  it('adds parameters that were known only at the end to the operation of the completion', () => {
    const { recorder, events } = recording();
    const exchange = recorder.intent({ attribution: NOBODY, verdict: VERDICT, operation: { ...READ, parameters: { a: 1 } } });
    exchange.complete({ status: '101', parameters: { ports: ['80'] } });
    assert.deepEqual(
      events.map(({ operation }) => operation?.parameters),
      [{ a: 1 }, { a: 1, ports: ['80'] }],
    );
  });

  it('counts exchanges of a session, also those that it keeps nothing of', () => {
    const { recorder, events } = recording();
    for (const level of ['Metadata', 'None', 'Metadata'] as const) {
      const exchange = recorder.intent({ attribution: NOBODY, verdict: { ...VERDICT, level }, operation: READ });
      exchange.complete({ status: '200' });
    }
    assert.deepEqual(
      events.map(({ session }) => session?.seq),
      [1, 1, 3, 3],
    );
  });

  for (const [what, value, expected] of [
    ['NaN', Number.NaN, 'NaN'],
    ['Infinity', Number.POSITIVE_INFINITY, 'Infinity'],
    ['-Infinity inside', [1, { x: Number.NEGATIVE_INFINITY }], [1, { x: '-Infinity' }]],
    ['a whole number beyond a double', 2n ** 70n, '1180591620717411303424'],
    ['a lone surrogate', 'a\ud800b', 'a\ufffdb'],
    ['a lone surrogate in a name', { '\udfff': 1 }, { '\ufffd': 1 }],
    ['a pair of surrogates', '😀', '😀'],
    ['null', null, null],
    ['nothing in a list', [undefined], [null]],
    ['a name that objects have', JSON.parse('{"__proto__":1,"10":2,"9":3}'), JSON.parse('{"__proto__":1,"10":2,"9":3}')],
  ] as const) {
    it(`records ${what} as JSON can say it`, () => assert.deepEqual(parameters(value), expected));
  }

  it('keeps parameters at the limit of their depth, and says so of deeper ones', () => {
    const nested = (levels: number): unknown => (levels === 0 ? 'core' : [nested(levels - 1)]);
    // `parameters` itself is a level.
    const deepest = MAX_PARAMETER_DEPTH - 1;
    assert.deepEqual(parameters(nested(deepest)), nested(deepest));
    assert.match(JSON.stringify(parameters(nested(deepest + 1))), /nested too deep to be recorded/);
    assert.match(JSON.stringify(parameters(nested(200))), /nested too deep to be recorded/);
  });

  it('writes only canonical and valid events, whatever agents and targets say', () => {
    fc.assert(
      fc.property(intents, completions, outcomes, (intent, completion, outcome) => {
        const { recorder, events } = recording();
        const exchange = recorder.intent(intent);
        if (outcome) exchange.decided(outcome);
        exchange.complete(completion);
        assert.equal(events.length, outcome ? 3 : 2);
        // RFC 8785 3.2.2.2: a lone surrogate has no canonical form, not even escaped.
        assert.doesNotMatch(JSON.stringify(events), /(?<!\\)(?:\\\\)*\\ud[89a-f]/);
      }),
      { numRuns: 500 },
    );
  });
});

/** Any UTF-16, lone surrogates included. */
const anyText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.array(fc.integer({ min: 0xd7f0, max: 0xe010 }), { maxLength: 4 }).map((units) => String.fromCharCode(...units)),
  fc.constantFrom('', '"', '\\', '\\ud800', '\u0000', '\u2028', '__proto__', '10', '9'),
);
const anyValue: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    anyText,
    fc.double(),
    fc.bigInt(),
    fc.boolean(),
    fc.constantFrom(null, undefined, -0, 1e21, 5e-324),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(anyText, tie('value'), { maxKeys: 3 }),
  ),
})).value;
const maybe = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(arbitrary, { nil: undefined });

const operations: fc.Arbitrary<Operation> = fc
  .record({
    verb: anyText,
    resource: anyText,
    effect: fc.constantFrom('read', 'write', 'admin', 'execute'),
    parameters: maybe(fc.dictionary(anyText, anyValue, { maxKeys: 4 })),
  })
  .map(({ parameters: values, ...rest }) => (values ? { ...rest, parameters: values } : rest));
const principal = fc.record({
  iss: anyText,
  sub: anyText,
  name: anyText,
  groups: fc.array(anyText, { maxLength: 2 }),
  authn: fc.constantFrom('oidc', 'saml', 'kubernetes'),
});
const identity = principal.map((root) => ({ root, launch: { id: STREAM, chain: STREAM, depth: 1, path: ['n/a'] } }));
const candidates = fc.array(fc.record({ root: anyText, launch: anyText }), { maxLength: 3 });
const attributions: fc.Arbitrary<Attribution> = fc.oneof(
  identity.map((who): Attribution => ({ ...NOBODY, method: 'handle', identity: who })),
  candidates.map((all): Attribution => ({ ...NOBODY, method: 'ambiguous', candidates: all })),
  fc.constant({ ...NOBODY, cause: STREAM }),
);
const count = fc.nat(2 ** 31);
const bodies = fc
  .record({
    size: count,
    sha256: maybe(fc.constant('c'.repeat(64))),
    truncated: maybe(fc.constant(true)),
    payload: maybe(
      fc.array(fc.record({ record: count, offset: count, length: count, type: fc.constantFrom('text/plain', 'a"b\\') }), { maxLength: 2 }),
    ),
  })
  .map(({ size, sha256, truncated, payload }) => ({
    size,
    ...(sha256 && { sha256 }),
    ...(truncated && { truncated }),
    ...(payload && { payload }),
  }));
const masked = maybe(fc.array(fc.record({ path: anyText, rule: anyText, count: fc.integer({ min: 1, max: 99 }) }), { maxLength: 2 }));
const intents: fc.Arbitrary<Intent> = fc.record({
  attribution: attributions,
  verdict: fc
    .record({ action: fc.constantFrom('Allow', 'Deny', 'RequireApproval'), reason: anyText })
    .map((some): Verdict => ({ ...VERDICT, ...some, rule: 'r' })),
  operation: operations,
  others: maybe(fc.array(operations, { maxLength: 2 })),
  statement: maybe(anyText),
  request: maybe(bodies),
  traceparent: maybe(fc.string({ maxLength: 20 })),
  masked,
});
const completions: fc.Arbitrary<Completion> = fc.record({
  status: anyText,
  request: maybe(bodies),
  response: maybe(bodies),
  rows: maybe(count),
  columns: maybe(fc.array(fc.record({ name: anyText, type: anyText }), { maxLength: 2 })),
  error: maybe(anyText),
  parameters: maybe(fc.dictionary(anyText, anyValue, { maxKeys: 4 })),
  masked,
});
const outcomes = maybe(
  fc.record({
    state: fc.constantFrom('approved', 'denied', 'expired', 'pending', 'unavailable'),
    id: anyText,
    approvers: fc.array(anyText, { maxLength: 2 }),
    message: anyText,
  }),
);
