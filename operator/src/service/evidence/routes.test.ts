import assert from 'node:assert/strict';
import { createHash, generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { uuidv7 } from '@cairn/identity';
import { createLocalJWKSet, jwtVerify } from 'jose';
import { podOf, startFixture, type Fixture } from '../fixture.js';
import { CHECKPOINT_BYTES } from '../limits.js';

interface BootKey {
  key: KeyObject;
  x: string;
}

function bootKey(): BootKey {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  return { key: privateKey, x: publicKey.export({ format: 'jwk' }).x! };
}

const root = (text: string): Buffer => createHash('sha256').update(text).digest();

/** c2sp.org/signed-note over c2sp.org/tlog-checkpoint, written by hand. */
function note(stream: string, size: number, head: Buffer, { key, x }: BootKey): string {
  const name = `cairn.dev/stream/${stream}`;
  const text = `${name}\n${size}\n${head.toString('base64')}\ntime 2026-11-22T10:00:00Z\n`;
  const hint = createHash('sha256').update(`${name}\n\u0001`).update(Buffer.from(x, 'base64url')).digest().subarray(0, 4);
  return `${text}\n\u2014 ${name} ${Buffer.concat([hint, sign(null, Buffer.from(text), key)]).toString('base64')}\n`;
}

async function register(fixture: Fixture, agent: string, stream: string, publicKey: string): Promise<Response> {
  return fixture.post('/v1/streams', { stream, publicKey }, await fixture.workloadToken(agent));
}

async function checkpoint(fixture: Fixture, agent: string, text: string): Promise<[number, string | undefined]> {
  const response = await fixture.post('/v1/checkpoints', text, await fixture.workloadToken(agent));
  const body = response.status === 204 ? undefined : ((await response.json()) as { code: string }).code;
  return [response.status, body];
}

const lines = async (fixture: Fixture, name: string): Promise<{ size?: number; stream: string }[]> =>
  (await readFile(join(fixture.stateFolder, name), 'utf8'))
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as { size?: number; stream: string });

test('a boot key is certified for its stream, pod and agent, and asking again gives the same certificate', async (t) => {
  const fixture = await startFixture(t);
  const [stream, { x }] = [uuidv7(), bootKey()];
  const first = await register(fixture, 'planner', stream, x);
  assert.equal(first.status, 201);
  const { certificate } = (await first.json()) as { certificate: string };
  const { payload, protectedHeader } = await jwtVerify(certificate, createLocalJWKSet(fixture.service.jwks()), { typ: 'cairn-stream+jwt' });
  assert.match(protectedHeader.alg, /^(ES256|EdDSA)$/);
  const { iat, ...claims } = payload;
  assert.ok(iat);
  assert.deepEqual(claims, {
    iss: fixture.url,
    sub: stream,
    cnf: { jwk: { kty: 'OKP', crv: 'Ed25519', x } },
    pod: podOf('planner'),
    agent: 'research/planner',
  });
  const again = await register(fixture, 'planner', stream, x);
  assert.deepEqual([again.status, await again.json()], [200, { certificate }]);
  assert.equal((await register(fixture, 'researcher', stream, bootKey().x)).status, 403, 'the stream is of another pod');
  assert.equal((await fixture.post('/v1/streams', { stream, publicKey: x })).status, 401);
  assert.equal((await register(fixture, 'planner', 'not-a-uuid', x)).status, 400);
  assert.equal((await register(fixture, 'planner', uuidv7(), x.slice(1))).status, 400);
});

test('the witness follows a stream as it grows and remembers it through a restart', async (t) => {
  const fixture = await startFixture(t);
  const [stream, key] = [uuidv7(), bootKey()];
  await register(fixture, 'planner', stream, key.x);
  assert.deepEqual(await checkpoint(fixture, 'planner', note(stream, 3, root('c'), key)), [204, undefined]);
  assert.deepEqual(await checkpoint(fixture, 'planner', note(stream, 3, root('c'), key)), [204, undefined]);
  assert.deepEqual(await checkpoint(fixture, 'planner', note(stream, 5, root('e'), key)), [204, undefined]);
  await fixture.restart();
  assert.deepEqual(await checkpoint(fixture, 'planner', note(stream, 5, root('x'), key)), [409, 'fork']);
  assert.deepEqual(await checkpoint(fixture, 'planner', note(stream, 4, root('d'), key)), [409, 'shrunk']);
  assert.deepEqual(await lines(fixture, 'witness.jsonl'), [
    { stream, size: 5, root: root('e').toString('hex'), time: '2026-11-22T10:00:00Z' },
  ]);
});

test('only the keys that were certified for a stream may sign its checkpoints, and only its pod may send them', async (t) => {
  const fixture = await startFixture(t);
  const [stream, key, next, stranger] = [uuidv7(), bootKey(), bootKey(), bootKey()];
  assert.deepEqual(await checkpoint(fixture, 'planner', note(stream, 1, root('a'), key)), [404, 'unknown-stream']);
  await register(fixture, 'planner', stream, key.x);
  assert.deepEqual(await checkpoint(fixture, 'planner', note(stream, 1, root('a'), stranger)), [403, 'signature']);
  assert.deepEqual(await checkpoint(fixture, 'researcher', note(stream, 1, root('a'), key)), [403, 'other-pod']);
  assert.equal((await register(fixture, 'planner', stream, next.x)).status, 201, 'a stream may rotate its key');
  assert.deepEqual(await checkpoint(fixture, 'planner', note(stream, 1, root('a'), key)), [204, undefined]);
  assert.deepEqual(await checkpoint(fixture, 'planner', note(stream, 2, root('b'), next)), [204, undefined]);
  assert.equal((await register(fixture, 'planner', stream, bootKey().x)).status, 201);
  assert.deepEqual(
    await checkpoint(fixture, 'planner', note(stream, 3, root('c'), key)),
    [403, 'signature'],
    'a key from two rotations ago',
  );
  assert.equal((await lines(fixture, 'streams.jsonl')).length, 3);
});

test('a checkpoint beyond the size limit is refused', async (t) => {
  const fixture = await startFixture(t);
  assert.deepEqual(await checkpoint(fixture, 'planner', 'x'.repeat(CHECKPOINT_BYTES)), [404, 'unknown-stream']);
  assert.deepEqual(await checkpoint(fixture, 'planner', 'x'.repeat(CHECKPOINT_BYTES + 1)), [413, 'too-large']);
});

test('a last line that a crash left unfinished is dropped, and the file is whole again', async (t) => {
  const fixture = await startFixture(t);
  const [stream, key] = [uuidv7(), bootKey()];
  await register(fixture, 'planner', stream, key.x);
  await checkpoint(fixture, 'planner', note(stream, 2, root('b'), key));
  const file = join(fixture.stateFolder, 'witness.jsonl');
  const whole = await readFile(file, 'utf8');
  for (const cut of [1, 20, whole.length - 1]) {
    await writeFile(file, whole);
    await appendFile(file, whole.slice(0, cut));
    await fixture.restart();
    assert.equal(await readFile(file, 'utf8'), whole);
  }
});
