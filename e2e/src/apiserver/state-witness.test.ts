import assert from 'node:assert/strict';
import { createHash, generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import { before, describe, test } from 'node:test';
import { uuidv7 } from '@cairn/audit';
import type { AuditStream } from '@cairn/crds';
import { sharedApiServer } from '../harness/kubernetes/index.js';
import { prepare, startReplicas, type Replica } from './state-replicas.js';
import { until } from '../harness/until.js';

interface Stream {
  id: string;
  key: KeyObject;
  x: string;
}

const root = (text: string): Buffer => createHash('sha256').update(text).digest();

/** c2sp.org/signed-note over c2sp.org/tlog-checkpoint, written by hand. */
function note({ id, key, x }: Stream, size: number, head: Buffer): string {
  const name = `cairn.dev/stream/${id}`;
  const text = `${name}\n${size}\n${head.toString('base64')}\ntime 2026-11-22T10:00:00Z\n`;
  const hint = createHash('sha256').update(`${name}\n\u0001`).update(Buffer.from(x, 'base64url')).digest().subarray(0, 4);
  return `${text}\n\u2014 ${name} ${Buffer.concat([hint, sign(null, Buffer.from(text), key)]).toString('base64')}\n`;
}

async function opened(replica: Replica, token: string): Promise<Stream> {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const stream = { id: uuidv7(), key: privateKey, x: publicKey.export({ format: 'jwk' }).x! };
  const response = await replica.post('/v1/streams', { stream: stream.id, publicKey: stream.x }, token);
  assert.equal(response.status, 201, await response.text());
  return stream;
}

async function told(replica: Replica, text: string, token: string): Promise<[number, string | undefined]> {
  const response = await replica.post('/v1/checkpoints', text, token);
  return [response.status, response.status === 204 ? undefined : ((await response.json()) as { code: string }).code];
}

describe('the witness in AuditStream objects, on two replicas', () => {
  const shared = sharedApiServer({ controllerManager: false });
  before(() => prepare(shared()));
  const object = (id: string): Promise<AuditStream> => shared().get<AuditStream>('auditstream', id, '-n', 'research');

  test('a fork or a shrunk stream is refused at every replica, after a restart, and by the API server itself', async (t) => {
    const { one, other, start, workloadToken } = await startReplicas(t, shared());
    const token = await workloadToken('planner');
    const stream = await opened(one, token);
    assert.deepEqual(await told(one, note(stream, 3, root('c')), token), [204, undefined]);
    assert.deepEqual(await told(other, note(stream, 3, root('x')), token), [409, 'fork']);
    assert.deepEqual(await told(other, note(stream, 2, root('b')), token), [409, 'shrunk']);
    assert.deepEqual(await told(other, note(stream, 5, root('e')), token), [204, undefined]);
    assert.deepEqual(await told(one, note(stream, 4, root('d')), token), [409, 'shrunk']);
    assert.deepEqual((await object(stream.id)).status?.lastCheckpoint, {
      size: 5,
      root: root('e').toString('hex'),
      time: '2026-11-22T10:00:00Z',
    });
    await one.stop();
    const later = await start();
    assert.deepEqual(await told(later, note(stream, 5, root('x')), token), [409, 'fork']);
    for (const head of [{ size: 4 }, { root: root('x').toString('hex') }]) {
      const patch = JSON.stringify({ status: { lastCheckpoint: head } });
      const { stderr } = await shared().tryKubectl([
        'patch',
        'auditstream',
        stream.id,
        '-n',
        'research',
        '--subresource=status',
        '--type=merge',
        '-p',
        patch,
      ]);
      assert.match(stderr, /a stream only grows and has one history/);
    }
  });

  test('a stream is of its pod, its keys only add up, and asking again gives the same certificate at the other replica', async (t) => {
    const { one, other, workloadToken } = await startReplicas(t, shared());
    const token = await workloadToken('planner');
    const stream = await opened(one, token);
    const again = await other.post('/v1/streams', { stream: stream.id, publicKey: stream.x }, token);
    assert.equal(again.status, 200);
    assert.deepEqual(await again.json(), { certificate: (await object(stream.id)).spec.keys[0]!.certificate });
    const stranger = await workloadToken('researcher');
    assert.equal((await other.post('/v1/streams', { stream: stream.id, publicKey: stream.x }, stranger)).status, 403);
    assert.deepEqual(await told(other, note(stream, 1, root('a')), stranger), [403, 'other-pod']);
    const next = generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' }).x!;
    assert.equal((await other.post('/v1/streams', { stream: stream.id, publicKey: next }, token)).status, 201);
    assert.deepEqual(
      (await object(stream.id)).spec.keys.map(({ publicKey }) => publicKey),
      [stream.x, next],
    );
    const { stderr } = await shared().tryKubectl([
      'patch',
      'auditstream',
      stream.id,
      '-n',
      'research',
      '--type=merge',
      '-p',
      '{"spec":{"pod":{"uid":"another"}}}',
    ]);
    assert.match(stderr, /a stream cannot be changed/);
    assert.equal((await other.post(`/v1/streams/${stream.id}/close`, {}, token)).status, 204);
    assert.ok((await object(stream.id)).spec.closed);
  });

  test('beyond the budget of writes the newest checkpoint of each stream waits, and is written at the end at the latest', async (t) => {
    const { one, other, workloadToken } = await startReplicas(t, shared(), { checkpointWrites: { perSecond: 0.001, burst: 1 } });
    const token = await workloadToken('planner');
    const stream = await opened(one, token);
    for (let size = 1; size <= 20; size++)
      assert.deepEqual(await told(one, note(stream, size, root(String(size))), token), [204, undefined]);
    assert.equal((await object(stream.id)).status?.lastCheckpoint?.size, 1, 'one write was paid for');
    assert.deepEqual(await told(one, note(stream, 19, root('19')), token), [409, 'shrunk'], 'what is acknowledged counts here at once');
    await one.stop();
    assert.equal((await object(stream.id)).status?.lastCheckpoint?.size, 20);
    await until('the other replica', async () => (await told(other, note(stream, 20, root('x')), token))[1] === 'fork');
  });

  test('a contradiction that shows only when a waiting checkpoint is written is told', async (t) => {
    const contradictions: [string, number][] = [];
    const writes = { perSecond: 0.001, burst: 0 };
    const contradicted = (found: AuditStream, { size }: { size: number }): void => void contradictions.push([found.metadata.name, size]);
    const { one, other, workloadToken } = await startReplicas(t, shared(), { checkpointWrites: writes, contradicted });
    const token = await workloadToken('planner');
    const stream = await opened(one, token);
    assert.deepEqual(await told(one, note(stream, 7, root('one')), token), [204, undefined]);
    assert.deepEqual(await told(other, note(stream, 7, root('other')), token), [204, undefined]);
    await one.stop();
    await other.stop();
    assert.deepEqual(contradictions, [[stream.id, 7]]);
    assert.equal((await object(stream.id)).status?.lastCheckpoint?.root, root('one').toString('hex'));
  });
});
