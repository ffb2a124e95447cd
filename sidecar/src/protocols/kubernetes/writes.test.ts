import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Operation, Target, Verdict } from '@cairn/crds';
import type { LaunchIdentity } from '@cairn/identity';
import type { Attribution } from '../../attribute/attribution.js';
import { MAX_HELD_REQUEST_BYTES } from '../http/limits.js';
import { createDriver, type Driver, type DriverOptions } from '../../testing/session-driver.js';
import { MAX_OBJECT_BYTES } from './body/index.js';
import { TARGET as CLUSTER } from './fixture.js';
import { kubernetesProtocol } from './module.js';

const TARGET: Target = { ...CLUSTER, capture: { maxRows: 0, maxBytes: 1 << 24 } };
const verdict = (action: Verdict['action']): Verdict => ({
  action,
  policy: 'p',
  rule: 'r',
  level: 'Request',
  delivery: 'Durable',
  mask: [],
});
const REFERENCE = 'cairn.dev/launch-reference';
const JOBS = 'POST /apis/batch/v1/namespaces/research/jobs';
const JOB = { apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'writer' }, spec: { template: { spec: {} } } };

const attributed = (name: string | undefined, method: Attribution['method'] = 'handle'): Attribution => {
  const root = { iss: 'https://idp.example', sub: `${name}`, name: `${name}`, groups: [], authn: 'oidc' } as const;
  const launch = { id: `launch-of-${name}`, chain: 'c', depth: 1, path: ['research/planner'] };
  const identity: LaunchIdentity | undefined = name === undefined ? undefined : { root: { ...root, groups: [] }, launch };
  return { method, identity, token: undefined, candidates: undefined, cause: undefined };
};

interface Asked {
  driver: Driver;
  sent: { head: string; body: string };
  answer: { status: string; body: { message?: string } };
}

/** Sends a request in pieces of `size` bytes and lets all that follows from it happen. */
async function ask(
  line: string,
  body: Buffer | string,
  options: Partial<DriverOptions> = {},
  fields: string[] = [],
  size = 1 << 20,
): Promise<Asked> {
  const driver = createDriver({ target: TARGET, decide: () => verdict('Allow'), credential: { kind: 'bearer', token: 't' }, ...options });
  const session = kubernetesProtocol.open(driver.context);
  driver.attach(session);
  session.start();
  const bytes = Buffer.from(body);
  const framing = fields.some((each) => /^Transfer-Encoding/.test(each)) ? [] : [`Content-Length: ${bytes.length}`];
  const head = Buffer.from([`${line} HTTP/1.1`, 'Host: a', ...framing, ...fields, '', ''].join('\r\n'));
  const all = Buffer.concat([head, bytes]);
  for (let at = 0; at < all.length; at += size) session.agentData(all.subarray(at, at + size));
  await driver.settle();
  const [sentHead = '', ...sentBody] = driver.takeTarget().toString().split('\r\n\r\n');
  const [said = '', told = ''] = driver.takeAgent().toString().split('\r\n\r\n');
  const answer = { status: said.split(' ')[1] ?? '', body: (told === '' ? {} : JSON.parse(told)) as { message?: string } };
  return { driver, sent: { head: sentHead, body: sentBody.join('\r\n\r\n') }, answer };
}

const JSON_TYPE = ['Content-Type: application/json'];
const operationOf = ({ driver }: Asked): Operation => driver.exchanges[0]!.intent.operation;

describe('what is written', () => {
  test('is decided and recorded by what its body says, at every split', async () => {
    const patch = JSON.stringify({ spec: { replicas: 3 }, metadata: { labels: { old: null } } });
    const line = 'PATCH /apis/apps/v1/namespaces/research/deployments/web';
    const whole = line.length + patch.length + 120;
    for (const size of [1, 2, 3, 7, 64, whole]) {
      const seen: unknown[] = [];
      const decide = (operations: readonly Operation[] | undefined): Verdict => (seen.push(operations![0]!.parameters), verdict('Allow'));
      const asked = await ask(line, patch, { decide }, ['Content-Type: application/merge-patch+json'], size);
      const parameters = { sets: ['spec.replicas'], removes: ['metadata.labels.old'], version: 'v1', patch: 'merge' };
      assert.deepEqual(seen, [parameters], `pieces of ${size} bytes`);
      assert.deepEqual(operationOf(asked).parameters, parameters);
      assert.equal(asked.sent.body, patch);
      assert.equal(asked.driver.exchanges[0]!.intent.request!.size, patch.length);
    }
  });

  for (const [what, line, body, type, parameters] of [
    ['creation names its object', JOBS, JSON.stringify(JOB), 'application/json', { kind: 'Job', name: 'writer', version: 'v1' }],
    [
      'update names its fields',
      'PUT /api/v1/namespaces/research/configmaps/notes',
      JSON.stringify({ kind: 'ConfigMap', metadata: { name: 'notes' }, data: { a: 'secret' } }),
      'application/json',
      { kind: 'ConfigMap', name: 'notes', fields: ['data.a'], version: 'v1' },
    ],
    [
      'deletion says how, also that it is none',
      'DELETE /api/v1/namespaces/research/configmaps/notes',
      JSON.stringify({ kind: 'DeleteOptions', propagationPolicy: 'Foreground', dryRun: ['All'] }),
      'application/json',
      { dryRun: 'All', propagationPolicy: 'Foreground', version: 'v1' },
    ],
    ['body that cannot be read says so', JOBS, '{', 'application/json', undefined],
  ] as const) {
    test(`the ${what}`, async () => {
      const asked = await ask(line, body, {}, [`Content-Type: ${type}`]);
      if (parameters) assert.deepEqual(operationOf(asked).parameters, parameters);
      else assert.match(String(operationOf(asked).parameters!['body']), /^not read: it cannot be read/);
      assert.equal(asked.sent.body, body);
    });
  }

  test('in chunks passes as it came; what is larger than an API server takes passes unread', async () => {
    const chunked = `${JSON.stringify(JOB).length.toString(16)}\r\n${JSON.stringify(JOB)}\r\n0\r\n\r\n`;
    const asked = await ask(JOBS, chunked, {}, [...JSON_TYPE, 'Transfer-Encoding: chunked'], 5);
    assert.equal(operationOf(asked).parameters!['name'], 'writer');
    assert.equal(asked.sent.body, chunked);
    const object = (size: number): string => {
      const empty = '{"metadata":{"name":"a"},"data":{"a":""}}';
      return empty.replace('""', `"${'x'.repeat(size - empty.length)}"`);
    };
    for (const [size, name] of [
      [MAX_OBJECT_BYTES, 'a'],
      [MAX_OBJECT_BYTES + 1, undefined],
    ] as const) {
      assert.equal(object(size).length, size);
      const large = await ask('POST /api/v1/namespaces/a/configmaps', object(size), {}, JSON_TYPE);
      assert.equal(operationOf(large).parameters!['name'], name);
      assert.equal(large.sent.body.length, size);
    }
  });

  test('is asked for where the client waits to be asked, and the API server is not heard asking again', async () => {
    const driver = createDriver({ target: TARGET, decide: () => verdict('Allow') });
    const session = kubernetesProtocol.open(driver.context);
    driver.attach(session);
    const body = JSON.stringify(JOB);
    const fields = ['Host: a', 'Expect: 100-continue', `Content-Length: ${body.length}`, ...JSON_TYPE];
    session.agentData(Buffer.from([`${JOBS} HTTP/1.1`, ...fields, '', ''].join('\r\n')));
    assert.equal(driver.takeAgent().toString(), 'HTTP/1.1 100 Continue\r\n\r\n');
    assert.equal(driver.exchanges.length, 0);
    session.agentData(Buffer.from(body));
    await driver.settle();
    session.targetData(Buffer.from('HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n'));
    assert.equal(driver.takeAgent().toString(), 'HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n');
    assert.equal(driver.exchanges[0]!.completion!.status, '201');
  });

  test('awaits its approval with what was read before, and one that is too large for that is refused', async () => {
    let bytes: readonly Uint8Array[] = [];
    const hold: DriverOptions['hold'] = async (request) => {
      bytes = request.bytes;
      return { state: 'approved', id: 'a', approvers: ['bob'], message: '' };
    };
    const asked = await ask(JOBS, JSON.stringify(JOB), { hold, decide: () => verdict('RequireApproval') }, JSON_TYPE, 50);
    assert.ok(Buffer.concat(bytes).toString().endsWith(JSON.stringify(JOB)));
    assert.equal(asked.sent.body, JSON.stringify(JOB));
    const chunk = Buffer.alloc(1 << 20, 0x20);
    const chunks = Array.from({ length: MAX_HELD_REQUEST_BYTES / chunk.length + 1 }, () =>
      Buffer.concat([Buffer.from('100000\r\n'), chunk, Buffer.from('\r\n')]),
    );
    const large = Buffer.concat([...chunks, Buffer.from('0\r\n\r\n')]);
    const refused = await ask(JOBS, large, { hold, decide: () => verdict('RequireApproval') }, [
      ...JSON_TYPE,
      'Transfer-Encoding: chunked',
    ]);
    assert.equal(refused.answer.status, '413');
    assert.equal(refused.sent.head, '');
  });
});

describe('what an agent launches while it serves requests', () => {
  const refer = (launch: string): string => `reference-to-${launch}`;
  const serving = (attribution: Attribution): Partial<DriverOptions> => ({ refer, attribute: () => attribution });

  test('bears a reference to the launch of whom it serves, at every split', async () => {
    for (const size of [1, 13, 1 << 20]) {
      const { sent, driver } = await ask(JOBS, JSON.stringify(JOB), serving(attributed('bob')), JSON_TYPE, size);
      const annotations = { [REFERENCE]: 'reference-to-launch-of-bob' };
      assert.deepEqual(JSON.parse(sent.body), { ...JOB, metadata: { ...JOB.metadata, annotations } });
      assert.match(sent.head, new RegExp(`\r\nContent-Length: ${sent.body.length}(\r\n|$)`));
      assert.equal(sent.head.match(/content-length/gi)!.length, 1);
      assert.equal(driver.exchanges[0]!.intent.request!.size, sent.body.length);
      assert.equal(driver.payloads[0]!.bytes.toString(), JSON.stringify(JOB), 'what the agent wrote is under seal');
    }
  });

  test('bears one in chunks too, and the connection goes on', async () => {
    const chunked = `${JSON.stringify(JOB).length.toString(16)}\r\n${JSON.stringify(JOB)}\r\n0\r\n\r\n`;
    const { sent } = await ask(JOBS, chunked, serving(attributed('bob')), [...JSON_TYPE, 'Transfer-Encoding: chunked', 'Trailer: x']);
    assert.doesNotMatch(sent.head, /transfer-encoding|trailer/i);
    assert.equal((JSON.parse(sent.body) as { kind: string }).kind, 'Job');
  });

  test('bears one to the own launch of a pod that serves, and none in a pod that serves nobody', async () => {
    const own = await ask(JOBS, JSON.stringify(JOB), serving(attributed('carol', 'background')), JSON_TYPE);
    assert.match(own.sent.body, /reference-to-launch-of-carol/);
    const plain = await ask(JOBS, JSON.stringify(JOB), { attribute: () => attributed('carol', 'pod_launch') }, JSON_TYPE);
    assert.equal(plain.sent.body, JSON.stringify(JOB));
  });

  for (const [what, attribution, body, type, status, reason] of [
    ['for several people at once', attributed(undefined, 'ambiguous'), JSON.stringify(JOB), 'application/json', '403', /several people/],
    ['for nobody', attributed(undefined, 'none'), JSON.stringify(JOB), 'application/json', '403', /nobody/],
    ['as protobuf', attributed('bob'), 'k8s\0\n\0', 'application/vnd.kubernetes.protobuf', '415', /protobuf.*JSON or YAML/],
    ['as CBOR', attributed('bob'), '\xa0', 'application/cbor', '415', /CBOR|cannot be read/],
    ['as what cannot be read', attributed('bob'), '{', 'application/json', '415', /cannot be read/],
  ] as const) {
    test(`is refused ${what}, with the reason, and recorded as denied`, async () => {
      const { answer, sent, driver } = await ask(JOBS, Buffer.from(body, 'latin1'), serving(attribution), [`Content-Type: ${type}`]);
      assert.equal(sent.head, '');
      assert.equal(answer.status, status);
      assert.match(answer.body.message!, reason);
      const { intent, completion } = driver.exchanges[0]!;
      assert.deepEqual([intent.verdict.action, completion!.status], ['Deny', status]);
    });
  }

  test('is no concern where nothing is launched', async () => {
    const scale = 'PATCH /apis/apps/v1/namespaces/research/deployments/web/scale';
    const patch = '{"spec":{"replicas":2}}';
    const { sent } = await ask(scale, patch, serving(attributed(undefined, 'ambiguous')), ['Content-Type: application/merge-patch+json']);
    assert.equal(sent.body, patch);
  });
});
