import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { rootCertificates } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { AuditEvent } from '@cairn/audit';
import { ProxyAgent, fetch } from 'undici';
import { type ControlPlane, startControlPlane } from '../harness/control-plane.js';
import { type Sidecar, startSidecar } from '../harness/sidecar.js';
import { pythonWithClients } from './python.js';
import { CONTACT, startEcho, startNginx } from './upstream.js';

const POLICY = `
apiVersion: cairn.dev/v1alpha1
kind: AuditPolicy
metadata: {name: research, namespace: research}
spec:
  selector: {}
  identity: {required: false}
  targets:
  - {name: crm, protocol: http, hosts: [crm.internal], port: 8080, credential: {bearerSecret: {name: crm, key: token}}, forward: [Txn-Token, Baggage]}
  - {name: files, protocol: http, hosts: [files.internal], port: 8081}
  rules:
  - {name: no-admin, match: {targets: [crm], resources: ['/admin/**']}, action: Deny, reason: not for agents}
  - {name: no-uploads, match: {targets: [crm], resources: [/upload]}, action: Deny, reason: uploads are closed}
  - {name: contacts, match: {targets: [crm], resources: [/contact]}, action: Allow, level: RequestResponse, mask: [{fields: [email]}, {detect: [payment-card]}]}
  - {name: people, match: {targets: [files], resources: ['/people.json']}, action: Allow, level: RequestResponse, mask: [{fields: [email]}]}
  default: {action: Allow, level: RequestResponse}
  undeclared: Deny
`;

const PEOPLE = Array.from({ length: 20_000 }, (_, id) => ({ id, email: `p${id}@example.com`, tags: ['a', 'é'] }));
const BIG = randomBytes(7 * 1024 * 1024);

let plane: ControlPlane;
let sidecar: Sidecar;
let crm: Awaited<ReturnType<typeof startEcho>>;
let files: Awaited<ReturnType<typeof startNginx>>;

before(async () => {
  plane = await startControlPlane(POLICY);
  crm = await startEcho();
  files = await startNginx({ 'big.bin': BIG, 'people.json': Buffer.from(JSON.stringify(PEOPLE)), 'a.json': Buffer.from('{"a":1}') });
  sidecar = await startSidecar({
    plane,
    credentials: { crm: { token: 's3cret-of-the-target' } },
    resolve: { 'crm.internal:8080': crm.address, 'files.internal:8081': files.address },
  });
});
after(async () => {
  await sidecar?.stop();
  await Promise.all([crm?.stop(), files?.stop()]);
  await plane?.stop();
});

const run = promisify(execFile);
const curl = async (...args: string[]): Promise<string> =>
  (await run('curl', ['-sS', '--max-time', '20', '-x', sidecar.proxyUrl, ...args], { encoding: 'latin1', maxBuffer: 1 << 26 })).stdout;
const ca = (): string => join(sidecar.agentFolder, 'ca.crt');

const exchange = (events: AuditEvent[], resource: string): [AuditEvent, AuditEvent] | undefined => {
  const intent = events.find(({ stage, operation }) => stage === 'intent' && operation?.resource === resource);
  const complete = intent && events.find(({ stage, cause }) => stage === 'complete' && cause === intent.id);
  return complete && [intent, complete];
};
const recorded = async (resource: string): Promise<[AuditEvent, AuditEvent]> =>
  exchange(await sidecar.eventsWhen((events) => exchange(events, resource) !== undefined), resource)!;

interface Echo {
  method: string;
  url: string;
  headers: Record<string, string>;
  size: number;
}

describe('curl through the sidecar', () => {
  it('has its call tagged, credentialled and recorded, and forged identity removed', async () => {
    const args = [
      '-H',
      'Txn-Token: forged',
      '-H',
      'Authorization: Bearer mine',
      '-H',
      'Impersonate-User: root',
      'http://crm.internal:8080/curl?q=1',
    ];
    const echo = JSON.parse(await curl(...args)) as Echo;
    assert.equal(echo.url, '/curl?q=1');
    assert.equal(echo.headers['authorization'], 'Bearer s3cret-of-the-target');
    assert.notEqual(echo.headers['txn-token'], 'forged');
    assert.equal(echo.headers['impersonate-user'], undefined);
    const [intent, complete] = await recorded('/curl');
    assert.equal(echo.headers['cairn-event'], intent.id);
    assert.deepEqual(intent.operation, { verb: 'GET', resource: '/curl', effect: 'read', parameters: { q: '1' }, statement: 'GET /curl' });
    assert.equal(complete.response?.status, '200');
    assert.ok(complete.response?.payload, 'the body is kept under seal');
  });

  it('speaks HTTPS to a certificate of the pod, by CONNECT', async () => {
    const echo = JSON.parse(await curl('--cacert', ca(), 'https://crm.internal:8080/tls')) as Echo;
    assert.equal(echo.url, '/tls');
    await recorded('/tls');
  });

  it('uploads with Expect: 100-continue, chunked and with a length', async () => {
    const file = join(sidecar.folder, 'upload.bin');
    writeFileSync(file, BIG);
    for (const [path, extra] of [
      ['/put', []],
      ['/chunked', ['-H', 'Transfer-Encoding: chunked']],
    ] as const) {
      const echo = JSON.parse(await curl('-T', file, '-H', 'Expect: 100-continue', ...extra, `http://crm.internal:8080${path}`)) as Echo;
      assert.equal(echo.size, BIG.length);
      const [, complete] = await recorded(path);
      assert.equal(complete.request?.size, BIG.length);
      assert.equal(complete.request?.sha256, createHash('sha256').update(BIG).digest('hex'));
    }
  });

  it('is denied whatever the body, the spelling or the upgrade', async () => {
    const file = join(sidecar.folder, 'upload95.bin');
    writeFileSync(file, Buffer.alloc(9_961_472, 'x'));
    const status = async (...args: string[]): Promise<string> => curl('-o', '/dev/null', '-w', '%{http_code}', ...args);
    assert.equal(await status('--data-binary', `@${file}`, 'http://crm.internal:8080/upload'), '403');
    assert.equal(await status('--http2', 'http://crm.internal:8080/admin/users'), '403');
    for (const path of ['/x/../admin/users', '/%61dmin/users', '//admin/users', '/admin%2fusers']) {
      assert.equal(await status('--path-as-is', `http://crm.internal:8080${path}`), '403', path);
    }
    assert.deepEqual(
      crm.requests.filter(({ url }) => url.includes('dmin') || url === '/upload'),
      [],
    );
    const problem = JSON.parse(await curl('http://crm.internal:8080/admin/users')) as Record<string, unknown>;
    assert.deepEqual(
      [problem['status'], problem['policy'], problem['rule'], problem['reason']],
      [403, 'research', 'no-admin', 'not for agents'],
    );
  });

  it('goes on with HTTP/1.1 where it asks for h2c', async () => {
    const out = await curl('--http2', '-w', '\n%{http_version}', 'http://crm.internal:8080/h2c');
    assert.match(out, /\n1\.1$/);
    assert.equal((JSON.parse(out.split('\n')[0]!) as Echo).headers['upgrade'], undefined);
  });

  for (const coding of ['', 'gzip', 'br', 'zstd, gzip']) {
    it(`gets masked JSON in ${coding || 'no'} coding`, async () => {
      const args = coding === '' ? [] : ['--compressed', '-H', `Accept-Encoding: ${coding}`];
      const contact = JSON.parse(await curl(...args, 'http://crm.internal:8080/contact')) as typeof CONTACT;
      assert.deepEqual(contact, { id: 7, email: '***', note: 'card ***' });
    });
  }

  it('keeps HEAD in step on one connection', async () => {
    const out = await curl(
      '-I',
      'http://files.internal:8081/a.json',
      '--next',
      '-sS',
      '-x',
      sidecar.proxyUrl,
      'http://files.internal:8081/a.json',
    );
    assert.match(out, /^HTTP\/1\.1 200 OK[^]*\r\n\r\n\{"a":1\}$/);
  });

  it('gets 7 MB from nginx unchanged, and masked JSON of a megabyte through gzip', async () => {
    const big = Buffer.from(await curl('http://files.internal:8081/big.bin'), 'latin1');
    assert.ok(big.equals(BIG));
    const people = await curl('--compressed', 'http://files.internal:8081/people.json');
    const want = PEOPLE.map(({ id, tags }) => ({ id, email: '***', tags }));
    assert.deepEqual(JSON.parse(Buffer.from(people, 'latin1').toString()), want);
    const [, complete] = await recorded('/people.json');
    assert.equal(complete.masked?.[0]?.count, PEOPLE.length);
  });

  it('is told where nothing is declared', async () => {
    assert.equal(await curl('-o', '/dev/null', '-w', '%{http_code}', 'http://elsewhere.internal/'), '403');
  });
});

describe('Node through the sidecar', () => {
  it('keeps its connection over 200 requests', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const ask = (index: number): Promise<string> =>
      new Promise((resolve, reject) => {
        const asked = request({
          agent,
          port: sidecar.proxyPort,
          path: `http://crm.internal:8080/node/${index}`,
          headers: { host: 'crm.internal:8080' },
        });
        asked.on('error', reject).on('response', (response) => {
          let text = '';
          response.on('data', (chunk: Buffer) => (text += chunk.toString())).on('end', () => resolve((JSON.parse(text) as Echo).url));
        });
        asked.end();
      });
    for (let index = 0; index < 200; index++) assert.equal(await ask(index), `/node/${index}`);
    agent.destroy();
    const events = await sidecar.eventsWhen((all) => exchange(all, '/node/199') !== undefined);
    const sessions = new Set(events.filter(({ operation }) => operation?.resource.startsWith('/node/')).map(({ session }) => session?.id));
    assert.equal(sessions.size, 1);
  });

  it('is served by undici over TLS', async () => {
    const dispatcher = new ProxyAgent({ uri: sidecar.proxyUrl, requestTls: { ca: readFileSync(ca(), 'utf8') } });
    const answer = await fetch('https://crm.internal:8080/undici', { method: 'POST', body: 'x'.repeat(100_000), dispatcher });
    assert.equal(((await answer.json()) as Echo).size, 100_000);
    const contact = await fetch('https://crm.internal:8080/contact', { dispatcher });
    assert.equal(((await contact.json()) as typeof CONTACT).email, '***');
    await dispatcher.close();
  });

  it('becomes a recorded tunnel by Upgrade', async () => {
    const socket = connect(sidecar.proxyPort, '127.0.0.1');
    socket.write('GET http://crm.internal:8080/ws HTTP/1.1\r\nHost: crm.internal:8080\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nping');
    let got = '';
    for await (const chunk of socket) {
      got += String(chunk);
      if (got.endsWith('ping')) break;
    }
    assert.match(got, /^HTTP\/1\.1 101/);
    const [, complete] = await recorded('/ws');
    assert.deepEqual([complete.response?.status, complete.request?.size, complete.response?.size], ['101', 4, 4]);
  });

  it('is refused when it smuggles', async () => {
    const socket = connect(sidecar.proxyPort, '127.0.0.1');
    const smuggled = 'GET /admin/users HTTP/1.1\r\nHost: crm.internal:8080\r\n\r\n';
    const head = 'POST http://crm.internal:8080/smuggle HTTP/1.1\r\nHost: crm.internal:8080\r\nTransfer-Encoding: chunked\r\n';
    socket.write(`${head}Content-Length: ${smuggled.length + 5}\r\n\r\n0\r\n\r\n${smuggled}`);
    let got = '';
    for await (const chunk of socket) got += String(chunk);
    assert.match(got, /^HTTP\/1\.1 400 Bad Request/);
    assert.ok(!crm.requests.some(({ url }) => url === '/smuggle'));
  });
});

const PYTHON = `
import sys, json
proxy, ca = sys.argv[1:3]
import requests
session = requests.Session()
session.proxies = {'http': proxy, 'https': proxy}
out = [session.get('http://crm.internal:8080/requests/%d' % i).json()['url'] for i in range(3)]
out.append(session.post('https://crm.internal:8080/requests/tls', data=(b'x' * 10 for _ in range(5))).json()['size'])
out.append(session.get('http://crm.internal:8080/contact').json()['email'])
out.append(session.get('http://crm.internal:8080/admin/x').status_code)
import httpx, ssl
with httpx.Client(proxy=proxy, verify=ssl.create_default_context(cafile=ca)) as client:
    out.append(client.get('https://crm.internal:8080/httpx').json()['url'])
    out.append(client.get('http://crm.internal:8080/contact').json()['email'])
    with client.stream('GET', 'http://files.internal:8081/big.bin') as answer:
        out.append(sum(len(chunk) for chunk in answer.iter_bytes()))
print(json.dumps(out))
`;

describe('Python through the sidecar', () => {
  it('works with requests and httpx, plain and over TLS', async () => {
    // requests believes this variable more than its session; agents' containers have it set to the pod's bundle.
    const env = { PATH: process.env['PATH'], REQUESTS_CA_BUNDLE: ca() };
    const { stdout } = await run(await pythonWithClients(), ['-c', PYTHON, sidecar.proxyUrl, ca()], { env });
    const want = ['/requests/0', '/requests/1', '/requests/2', 50, '***', 403, '/httpx', '***', BIG.length];
    assert.deepEqual(JSON.parse(stdout), want);
  });
});

describe('Java', () => {
  it('trusts the pod by the trust store that injection names', async () => {
    const store = join(sidecar.agentFolder, 'bundle.jks');
    const env = { ...process.env, JAVA_TOOL_OPTIONS: `-Djavax.net.ssl.trustStore=${store} -Djavax.net.ssl.trustStorePassword=cairn` };
    const program = fileURLToPath(new URL('../../testdata/http/Client.java', import.meta.url));
    const { stdout } = await run('java', [program, '127.0.0.1', String(sidecar.proxyPort), 'https://crm.internal:8080/java'], { env });
    assert.match(stdout, /^200 .*\/java/);
    const listed = await run('keytool', ['-list', '-keystore', store, '-storepass', 'cairn']);
    assert.match(listed.stdout, new RegExp(`contains ${rootCertificates.length + 1} entries`));
  });
});

describe('what the evidence holds', () => {
  it('has no secret and nothing masked in the clear', async () => {
    await curl('http://crm.internal:8080/contact?email=bob%40example.com&access_token=s3cret-of-the-agent');
    await sidecar.eventsWhen((events) => JSON.stringify(events).includes('access_token'));
    const text = JSON.stringify(sidecar.events());
    for (const secret of ['s3cret-of-the-target', 's3cret-of-the-agent', 'alice@example.com', 'bob@example.com', '4111 1111']) {
      assert.ok(!text.includes(secret), secret);
    }
  });
});
