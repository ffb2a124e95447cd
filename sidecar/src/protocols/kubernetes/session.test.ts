import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Operation, Verdict } from '@cairn/crds';
import { type Driver, type DriverOptions, createDriver, SESSION_TOKEN } from '../../testing/session-driver.js';
import type { Session } from '../protocol.js';
import { kubernetesProtocol } from './module.js';
import { ALLOW, TARGET } from './fixture.js';

function open(options: Partial<DriverOptions> = {}): { driver: Driver; session: Session } {
  const driver = createDriver({ target: TARGET, decide: () => ALLOW, credential: { kind: 'bearer', token: 'pod-token' }, ...options });
  const session = kubernetesProtocol.open(driver.context);
  driver.attach(session);
  session.start();
  return { driver, session };
}

const lines = (...all: string[]): Buffer => Buffer.from(all.join('\r\n'));
const request = (line: string, ...fields: string[]): Buffer => lines(`${line} HTTP/1.1`, 'Host: localhost:15101', ...fields, '', '');
const ok = (body: string, type = 'application/json'): Buffer =>
  lines('HTTP/1.1 200 OK', `Content-Type: ${type}`, `Content-Length: ${Buffer.byteLength(body)}`, '', body);
const bodyOf = (bytes: Buffer): unknown => JSON.parse(bytes.toString().split('\r\n\r\n')[1]!);

async function asked(
  line: string,
  fields: string[] = [],
  options: Partial<DriverOptions> = {},
): Promise<{ driver: Driver; session: Session; sent: string }> {
  const { driver, session } = open(options);
  session.agentData(request(line, ...fields));
  await driver.settle();
  return { driver, session, sent: driver.takeTarget().toString() };
}

async function answered(line: string, answer: Buffer, options: Partial<DriverOptions> = {}): Promise<{ driver: Driver; got: Buffer }> {
  const { driver, session } = await asked(line, [], options);
  session.targetData(answer);
  await driver.settle();
  return { driver, got: driver.takeAgent() };
}

const operationOf = ({ exchanges }: Driver): Operation => exchanges[0]!.intent.operation;

describe('a request to the API server', () => {
  for (const [line, fields, verb, resource, effect, parameters] of [
    [
      'GET /api/v1/namespaces/research/pods?labelSelector=app%3Dweb',
      [],
      'list',
      'research/pods/',
      'read',
      { labelSelector: 'app=web', version: 'v1' },
    ],
    ['GET /api/v1/nodes/n1', [], 'get', '-/nodes/n1', 'read', { version: 'v1' }],
    ['DELETE /api/v1/namespaces/research', [], 'delete', '-/namespaces/research', 'admin', { version: 'v1' }],
    [
      'PATCH /apis/apps/v1/namespaces/research/deployments/web?fieldManager=k',
      ['Content-Type: application/apply-patch+yaml'],
      'patch',
      'research/deployments.apps/web',
      'write',
      { fieldManager: 'k', version: 'v1', patch: 'apply' },
    ],
    [
      'PATCH /api/v1/namespaces/research/pods/a',
      ['Content-Type: application/strategic-merge-patch+json'],
      'patch',
      'research/pods/a',
      'write',
      { version: 'v1', patch: 'strategic' },
    ],
    [
      'POST /apis/batch/v1/namespaces/research/jobs?dryRun=All',
      [],
      'create',
      'research/jobs.batch/',
      'write',
      { dryRun: 'All', version: 'v1' },
    ],
    [
      'POST /api/v1/namespaces/research/pods/a/exec?command=sh&command=-c',
      [],
      'pods/exec',
      'research/pods/a/exec',
      'execute',
      { command: ['sh', '-c'], version: 'v1', subresource: 'exec' },
    ],
    [
      'GET /api/v1/namespaces/research/services/web/proxy/x',
      [],
      'services/proxy',
      'research/services/web/proxy',
      'execute',
      { version: 'v1', subresource: 'proxy', path: '/x' },
    ],
    [
      'PATCH /api/v1/namespaces/research/pods/a/ephemeralcontainers',
      [],
      'patch',
      'research/pods/a/ephemeralcontainers',
      'execute',
      { version: 'v1', subresource: 'ephemeralcontainers', patch: '' },
    ],
    [
      'POST /api/v1/namespaces/research/serviceaccounts/a/token',
      [],
      'create',
      'research/serviceaccounts/a/token',
      'admin',
      { version: 'v1', subresource: 'token' },
    ],
    [
      'POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
      [],
      'create',
      '-/selfsubjectaccessreviews.authorization.k8s.io/',
      'read',
      { version: 'v1' },
    ],
    [
      'POST /apis/rbac.authorization.k8s.io/v1/clusterrolebindings',
      [],
      'create',
      '-/clusterrolebindings.rbac.authorization.k8s.io/',
      'admin',
      { version: 'v1' },
    ],
    [
      'GET /apis/x.example/v1/namespaces/a/machines/b/console',
      ['Connection: Upgrade', 'Upgrade: websocket'],
      'machines/console',
      'a/machines.x.example/b/console',
      'execute',
      { version: 'v1', subresource: 'console' },
    ],
    ['GET /api/v1/namespaces/a/pods?version=v9&watch=1', [], 'watch', 'a/pods/', 'read', { version: 'v1', watch: '1' }],
    ['GET /version', [], 'get', '/version', 'read', undefined],
  ] as const) {
    it(`${line} is ${verb} of ${resource}`, async () => {
      const { driver } = await asked(line, [...fields]);
      assert.deepEqual(operationOf(driver), { verb, resource, effect, ...(parameters ? { parameters } : {}) });
      assert.equal(driver.exchanges[0]!.intent.statement, `${verb} ${resource}`);
    });
  }

  it("bears the pod's credential and the event's id; what the agent says of itself stays here", async () => {
    const { driver, sent } = await asked('GET /api/v1/pods', [
      `Authorization: Bearer ${SESSION_TOKEN}`,
      'Audit-ID: forged',
      'Impersonate-User: admin',
      'X-Remote-User: admin',
      'X-Remote-Extra-Scopes: all',
      'X-Forwarded-For: 10.0.0.1',
      'Accept: application/vnd.kubernetes.protobuf',
      'Accept-Encoding: gzip',
      'User-Agent: kubectl',
    ]);
    assert.equal(
      sent,
      lines(
        'GET /api/v1/pods HTTP/1.1',
        'Accept: application/vnd.kubernetes.protobuf',
        'User-Agent: kubectl',
        'Authorization: Bearer pod-token',
        'Host: kubernetes.default.svc',
        `Audit-ID: ${driver.exchanges[0]!.id}`,
        '',
        '',
      ).toString(),
    );
  });

  it('bears no credential of the agent, also where a client certificate is presented', async () => {
    const { sent } = await asked('GET /version', ['Authorization: Basic YTpi'], {
      credential: { kind: 'certificate', cert: '', key: '', username: undefined },
    });
    assert.doesNotMatch(sent, /authorization/i);
  });

  it('takes no bearer token along as a subprotocol', async () => {
    const { sent } = await asked('GET /api/v1/namespaces/a/pods/b/exec', [
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Protocol: base64url.bearer.authorization.k8s.io.c3RvbGVu, v5.channel.k8s.io',
      'Sec-WebSocket-Extensions: permessage-deflate',
    ]);
    assert.match(sent, /\r\nSec-WebSocket-Protocol: v5\.channel\.k8s\.io\r\n/);
    assert.doesNotMatch(sent, /bearer\.authorization|Extensions/);
  });

  it('with a token of somebody else is refused, and recorded', async () => {
    const { driver, sent } = await asked('GET /api/v1/pods', ['Authorization: Bearer stolen']);
    assert.equal(sent, '');
    const status = bodyOf(driver.takeAgent()) as { code: number; reason: string; message: string };
    assert.deepEqual([status.code, status.reason], [401, 'Unauthorized']);
    assert.doesNotMatch(status.message, /stolen/);
    assert.equal(driver.exchanges[0]!.completion!.status, '401');
    assert.equal(driver.exchanges[0]!.intent.verdict.action, 'Deny');
  });

  it('whose URL is read in two ways is refused, and recorded as it came', async () => {
    const { driver, sent } = await asked('GET /api/v1/namespaces/a/pods/../secrets');
    assert.equal(sent, '');
    assert.equal((bodyOf(driver.takeAgent()) as { code: number }).code, 400);
    assert.deepEqual(operationOf(driver), { verb: 'GET', resource: '/api/v1/namespaces/a/pods/../secrets', effect: 'write' });
  });

  it('waits for nothing where the credential cannot be read', async () => {
    const { driver, session } = open();
    Object.assign(driver.context, {});
    const broken = createDriver({ target: TARGET, decide: () => ALLOW });
    const context = {
      ...broken.context,
      credential: () => {
        throw new Error('no token');
      },
    };
    const other = kubernetesProtocol.open(context);
    broken.attach(other);
    other.agentData(request('GET /version'));
    await broken.settle();
    const status = bodyOf(broken.takeAgent()) as { code: number; reason: string };
    assert.deepEqual([status.code, status.reason], [503, 'ServiceUnavailable']);
    session.closed();
  });
});

describe('a refusal of the API server', () => {
  it('is a Status that names the rule and the event', async () => {
    const deny: Verdict = { ...ALLOW, action: 'Deny', rule: 'no-secrets', reason: 'ask the owner' };
    const { driver } = await asked('GET /api/v1/namespaces/a/secrets/b', [], { decide: () => deny });
    const answer = driver.takeAgent();
    assert.match(answer.toString(), /^HTTP\/1\.1 403 Forbidden\r\nContent-Type: application\/json\r\n/);
    assert.deepEqual(bodyOf(answer), {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message:
        'rule "no-secrets" of policy "p" denies get a/secrets/b: ask the owner. Ask for another way, or have the AuditPolicy changed. (event event-1)',
      reason: 'Forbidden',
      details: {
        causes: [
          { reason: 'cairn.dev/problem', message: 'denied' },
          { reason: 'cairn.dev/event', message: 'event-1' },
          { reason: 'cairn.dev/policy', message: 'p' },
          { reason: 'cairn.dev/rule', message: 'no-secrets' },
          { reason: 'cairn.dev/reason', message: 'ask the owner' },
        ],
      },
      code: 403,
    });
  });

  it('is one to try again where an approval is pending', async () => {
    const hold: Verdict = { ...ALLOW, action: 'RequireApproval', approval: { groups: ['g'], minimum: 1, timeout: '1m' } };
    const { driver } = await asked('DELETE /api/v1/namespaces/a/pods/b', [], {
      decide: () => hold,
      hold: () => Promise.resolve({ state: 'pending', id: 'a-1', approvers: [], message: 'pending.' }),
    });
    await driver.settle();
    const answer = driver.takeAgent();
    assert.match(answer.toString(), /^HTTP\/1\.1 429 TooManyRequests\r\n[^]*\r\nRetry-After: 15\r\n/);
    const { reason, details } = bodyOf(answer) as { reason: string; details: { retryAfterSeconds: number } };
    assert.deepEqual([reason, details.retryAfterSeconds], ['TooManyRequests', 15]);
  });

  it('is 401 where nobody is known', async () => {
    const nobody: Verdict = { ...ALLOW, action: 'Deny' };
    const { driver } = await asked('GET /version', [], {
      decide: () => nobody,
      policy: { unidentified: nobody } as unknown as NonNullable<DriverOptions['policy']>,
    });
    const { code, reason } = bodyOf(driver.takeAgent()) as { code: number; reason: string };
    assert.deepEqual([code, reason], [401, 'Unauthorized']);
  });
});

const SECRET = {
  kind: 'Secret',
  apiVersion: 'v1',
  metadata: {
    name: 'db',
    resourceVersion: '7',
    labels: { data: 'x' },
    annotations: { 'kubectl.kubernetes.io/last-applied-configuration': '{"data":{"password":"c2VjcmV0"}}' },
  },
  data: { password: 'c2VjcmV0', empty: null, nested: { a: [1, 'c2VjcmV0'] } },
  stringData: { plain: 'c2VjcmV0' },
  type: 'Opaque',
};
const MASKED = {
  ...SECRET,
  metadata: { ...SECRET.metadata, labels: { data: 'Kioq' }, annotations: { 'kubectl.kubernetes.io/last-applied-configuration': '{}' } },
  data: { password: 'Kioq', empty: null, nested: 'Kioq' },
  stringData: { plain: '***' },
};

describe('Secrets', () => {
  it('keep their shape and lose their values, and the whole is kept under seal', async () => {
    const { driver, got } = await answered('GET /api/v1/namespaces/a/secrets/db', ok(JSON.stringify(SECRET)));
    assert.deepEqual(bodyOf(got), MASKED);
    assert.match(driver.payloads[0]!.bytes.toString(), /c2VjcmV0/);
    const { completion } = driver.exchanges[0]!;
    assert.equal(completion!.resourceVersion, '7');
    assert.deepEqual(
      completion!.masked!.map(({ path, count }) => [path, count]),
      [
        ['$..data', 3],
        ["$..['kubectl.kubernetes.io/last-applied-configuration']", 1],
        ['$..stringData'.toLowerCase(), 1],
      ],
    );
  });

  it('are masked wherever the answer is cut', async () => {
    const answer = ok(JSON.stringify({ kind: 'SecretList', metadata: {}, items: [SECRET, SECRET] }));
    for (let split = 1; split < answer.length; split += 1) {
      const { driver, session } = await asked('GET /api/v1/secrets');
      session.targetData(answer.subarray(0, split));
      session.targetData(answer.subarray(split));
      const got = driver.takeAgent();
      assert.doesNotMatch(got.toString(), /c2VjcmV0/);
      assert.equal((bodyOf(got) as { items: unknown[] }).items.length, 2);
    }
  });

  it('are masked in a watch as each event comes', async () => {
    const { driver, session } = await asked('GET /api/v1/secrets?watch=1');
    session.targetData(lines('HTTP/1.1 200 OK', 'Content-Type: application/json', 'Transfer-Encoding: chunked', '', ''));
    const event = Buffer.from(`${JSON.stringify({ type: 'ADDED', object: SECRET })}\n`);
    for (const seen of [1, 2]) {
      session.targetData(Buffer.concat([Buffer.from(`${event.length.toString(16)}\r\n`), event, Buffer.from('\r\n')]));
      const got = driver
        .takeAgent()
        .toString()
        .replace(/\r\n[\da-f]+\r\n/g, '');
      assert.match(got, /"password":"Kioq"/, `event ${seen}`);
      assert.doesNotMatch(got, /c2VjcmV0/);
    }
    session.targetData(Buffer.from('0\r\n\r\n'));
    assert.deepEqual(driver.exchanges[0]!.completion!.rows, 2);
  });

  it('are asked for in a form that can be masked', async () => {
    const { sent } = await asked('GET /api/v1/secrets', [
      'Accept: application/vnd.kubernetes.protobuf, application/json;as=Table;v=v1;g=meta.k8s.io',
      'Range: bytes=1-',
    ]);
    assert.match(sent, /\r\nAccept: application\/json;as=Table;v=v1;g=meta\.k8s\.io\r\n/);
    assert.doesNotMatch(sent, /protobuf|range/i);
  });

  it('are withheld where they come in another form all the same', async () => {
    const { got } = await answered('GET /api/v1/secrets', ok('k8s\0c2VjcmV0', 'application/vnd.kubernetes.protobuf'));
    assert.deepEqual([(bodyOf(got) as { code: number }).code, got.includes('c2VjcmV0')], [502, false]);
  });

  it('pass where the target says so', async () => {
    const { got } = await answered('GET /api/v1/secrets', ok(JSON.stringify(SECRET)), { target: { ...TARGET, secretData: 'Pass' } });
    assert.deepEqual(bodyOf(got), SECRET);
  });

  it('do not open as a WebSocket, where nothing could be masked', async () => {
    const { driver, sent } = await asked('GET /api/v1/secrets?watch=1', ['Connection: Upgrade', 'Upgrade: websocket']);
    assert.equal(sent, '');
    assert.equal((bodyOf(driver.takeAgent()) as { code: number }).code, 403);
  });
});

describe('an answer of the API server', () => {
  it('passes as the bytes that it is, and a list is counted', async () => {
    const list = ok(JSON.stringify({ metadata: { resourceVersion: '5' }, items: [{}, {}, {}] }));
    const { driver, got } = await answered('GET /api/v1/pods', list);
    assert.deepEqual(got, list);
    const { rows, resourceVersion } = driver.exchanges[0]!.completion!;
    assert.deepEqual([rows, resourceVersion], [3, '5']);
  });

  it('that goes on ends when the agent leaves', async () => {
    const { driver, session } = await asked('GET /api/v1/pods?watch=1');
    session.targetData(lines('HTTP/1.1 200 OK', 'Content-Type: application/json', 'Transfer-Encoding: chunked', '', ''));
    session.agentEnd();
    assert.deepEqual(driver.events.at(-1), 'destroy the agent left');
    assert.equal(driver.exchanges[0]!.completion!.status, '200');
  });

  it('streams: every line of a log at once, masked or not', async () => {
    for (const mask of [[], [{ detect: ['email' as const] }]]) {
      const { driver, session } = await asked('GET /api/v1/namespaces/a/pods/b/log?follow=true', [], {
        decide: () => ({ ...ALLOW, mask }),
      });
      session.targetData(lines('HTTP/1.1 200 OK', 'Content-Type: text/plain', 'Transfer-Encoding: chunked', '', ''));
      session.targetData(Buffer.from('5\r\nline\n\r\n'));
      assert.match(driver.takeAgent().toString(), /line\n/);
      session.closed();
    }
  });
});
