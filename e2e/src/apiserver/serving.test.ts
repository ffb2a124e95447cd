/** A planner that serves two people at once, and creates a Job for each through its sidecar: each Job leads to its person. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { ControlPlane } from '../harness/control-plane.js';
import { freePorts } from '../harness/ports.js';
import { startSidecar, type Sidecar } from '../harness/sidecar.js';
import { install, type Installation } from './installation.js';
import { address } from './replica.js';
import {
  accessToken,
  AGENTS,
  asPod,
  enroll,
  job,
  launch,
  operatorCa,
  pod,
  podOf,
  RESEARCH,
  tryCreate,
  workloadToken,
  type StoredPod,
} from './research.js';
import { until } from '../harness/until.js';

const JOBS = `/apis/batch/v1/namespaces/${RESEARCH}/jobs`;
const REFERENCE = 'cairn.dev/launch-reference';

const policy = {
  apiVersion: 'cairn.dev/v1alpha1',
  kind: 'AuditPolicy',
  metadata: { name: 'research', namespace: RESEARCH },
  spec: {
    selector: { matchLabels: { team: 'research' } },
    identity: { required: true, maxDepth: 3, onAmbiguous: 'Record' },
    targets: [{ name: 'cluster', protocol: 'kubernetes', credential: { serviceAccount: AGENTS } }],
    default: { action: 'Allow', level: 'RequestResponse' },
    undeclared: 'Deny',
  },
};

/** What the agent's program does: waits until as many people ask as are expected, then creates a Job for each. */
interface Planner {
  port: number;
  /** Requests that are waited for before any Job is created. */
  expect(people: number): void;
  close(): void;
}

interface Created {
  status: number;
  body: { message?: string; metadata?: { name?: string; annotations?: Record<string, string> } };
}

async function startPlanner(createJob: (name: string, context: string | undefined, type: string) => Promise<Created>): Promise<Planner> {
  let waiting: (() => void)[] = [];
  let expected = 1;
  const server: Server = createServer((asked, answer) => {
    void (async () => {
      await new Promise<void>((resolve) => {
        waiting.push(resolve);
        if (waiting.length >= expected) for (const each of waiting.splice(0)) each();
      });
      const url = new URL(asked.url!, 'http://planner');
      const context = url.searchParams.has('anonymous') ? undefined : (asked.headers['cairn-context'] as string);
      answer.end(JSON.stringify(await createJob(url.pathname.slice(1), context, url.searchParams.get('type') ?? 'application/json')));
    })();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    expect: (people) => {
      expected = people;
      waiting = [];
    },
    close: () => server.close().closeAllConnections(),
  };
}

async function bodyOf(answer: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of answer.setEncoding('utf8') as AsyncIterable<string>) text += chunk;
  return text;
}

describe('an agent that serves several people', () => {
  const ends: (() => Promise<void> | void)[] = [];
  let cairn: Installation;
  let own: StoredPod;
  let sidecar: Sidecar;
  let planner: Planner;
  const people = new Map<string, string>();

  before(async () => {
    const folder = mkdtempSync(join(tmpdir(), 'cairn-serving-'));
    ends.push(() => rmSync(folder, { recursive: true, force: true }));
    const [port] = await freePorts(1);
    const issuer = `https://${address()}:${port}`;
    const env = { CAIRN_WEBHOOK_URL_BASE: `https://${address()}`, CAIRN_ISSUER: issuer, CAIRN_SERVICE_LISTEN: `${address()}:${port}` };
    cairn = await install({ after: (end) => void ends.push(end) }, { env });
    const { server } = cairn;
    cairn.replicas[0] = { ...cairn.replicas[0]!, serviceUrl: issuer };
    await enroll(server);
    await server.apply([policy]);
    await server.kubectl(['create', 'namespace', 'people']);
    for (const name of ['alice', 'bob']) {
      await server.kubectl(['create', 'serviceaccount', name, '-n', 'people']);
      people.set(name, await accessToken(cairn, await server.serviceAccountToken('people', name, { audience: 'cairn.dev' })));
    }
    // It knows the operator by the chart's name, and this one is asked at an address.
    await server.kubectl(['delete', 'validatingadmissionpolicybinding', 'cairn-agent-pods']);
    await until('the policy', async () => (await tryCreate(server, pod('planner'))).code === 0);
    own = await podOf(server, 'planner');
    const account = join(folder, 'service-account');
    mkdirSync(account);
    writeFileSync(join(account, 'token'), await server.serviceAccountToken(RESEARCH, AGENTS, { pod: 'planner' }));
    writeFileSync(join(account, 'ca.crt'), server.caCert);
    writeFileSync(join(folder, 'operator.crt'), await operatorCa(server));
    planner = await startPlanner(createJob);
    ends.push(() => planner.close());
    const plane = {
      url: issuer,
      admit: async () => ({ workloadToken: await workloadToken(server, own), grant: own.metadata.annotations!['cairn.dev/grant']! }),
    };
    sidecar = await startSidecar({
      plane: plane as unknown as ControlPlane,
      agent: 'planner',
      targets: ['cluster'],
      serves: planner.port,
      resolve: { 'kubernetes.default.svc:443': new URL(server.url).host },
      env: {
        CAIRN_POD_NAME: own.metadata.name,
        CAIRN_POD_UID: own.metadata.uid,
        CAIRN_OPERATOR_CA: join(folder, 'operator.crt'),
        CAIRN_SERVICE_ACCOUNT_DIR: account,
      },
    });
    ends.push(() => sidecar.stop());
  });
  after(async () => {
    for (const end of ends.toReversed()) await end();
  });

  /** As the agent: to the API server through the sidecar, with what it finds in its own folder. */
  function createJob(name: string, context: string | undefined, type: string): Promise<Created> {
    const file = (each: string): string => readFileSync(join(sidecar.agentFolder, each), 'utf8');
    const headers = { authorization: `Bearer ${file('token')}`, 'content-type': type, ...(context ? { 'cairn-context': context } : {}) };
    const body = type === 'application/json' ? JSON.stringify(job(name)) : 'k8s\0\n\0';
    const options = { host: 'localhost', port: sidecar.targetPort('cluster'), ca: file('ca.crt'), path: JOBS, method: 'POST', headers };
    return new Promise((resolve, reject) => {
      const sent = request(options, (answer) => {
        bodyOf(answer).then((text) => resolve({ status: answer.statusCode!, body: JSON.parse(text) as Created['body'] }), reject);
      });
      sent.once('error', reject).end(body);
    });
  }

  async function asks(person: string, path: string): Promise<Created> {
    const response = await fetch(`${sidecar.inboundUrl}/${path}`, { headers: { authorization: `Bearer ${people.get(person)}` } });
    const text = await response.text();
    assert.equal(response.status, 200, text);
    return JSON.parse(text) as Created;
  }

  test('launches for each the Job that they asked for, and each leads to its person', async () => {
    planner.expect(2);
    const made = await Promise.all([asks('alice', 'for-alice'), asks('bob', 'for-bob')]);
    for (const { status, body } of made) {
      assert.equal(status, 201, JSON.stringify(body));
      assert.equal(body.metadata!.annotations?.[REFERENCE], undefined, 'nothing of the reference is stored');
    }
    for (const person of ['alice', 'bob']) {
      const record = await launch(cairn, await podOf(cairn.server, `for-${person}`));
      assert.equal(record.spec.root.name, `system:serviceaccount:people:${person}`);
      assert.deepEqual(record.spec.launch.path, ['research/planner', `research/for-${person}`]);
    }
  });

  test('launches nothing while it cannot be told for whom, and nothing as protobuf, and the agent is told why', async () => {
    planner.expect(2);
    const [anonymous] = await Promise.all([asks('alice', 'for-nobody?anonymous'), asks('bob', 'for-bob-again')]);
    assert.equal(anonymous.status, 403);
    assert.match(anonymous.body.message!, /serving several people.*Cairn-Context/);
    planner.expect(1);
    const binary = await asks('alice', 'binary?type=application/vnd.kubernetes.protobuf');
    assert.equal(binary.status, 415);
    assert.match(binary.body.message!, /protobuf.*JSON or YAML/);
  });

  test('launches nothing around its sidecar: a request without a reference is nobody in particular', async () => {
    const { stderr } = await tryCreate(cairn.server, job('around'), await asPod(cairn.server, own));
    assert.match(stderr, /unreferenced/);
  });

  test("cannot act for somebody else by a Job's grant that it may read", async () => {
    const { metadata } = await podOf(cairn.server, 'for-bob');
    const grant = metadata.annotations!['cairn.dev/grant']!;
    assert.match(Buffer.from(grant.split('.')[1]!, 'base64url').toString(), /system:serviceaccount:people:bob/);
    const copied = pod('copied', { serviceAccountName: AGENTS });
    copied.metadata.annotations = { 'cairn.dev/grant': grant };
    assert.match((await tryCreate(cairn.server, copied, await asPod(cairn.server, own))).stderr, /unreferenced|forbidden/);
  });
});
