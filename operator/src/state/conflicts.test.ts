import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError, PODS, type KubernetesClient, type Pod } from '../kubernetes/index.js';
import { changed } from './conflicts.js';
import { CONFLICTS_COUNT } from './limits.js';

const key = { namespace: 'n', name: 'p' };

/** A server at which somebody else writes first, so many times. */
function contended(conflicts: number): { client: KubernetesClient; sent: object[] } {
  const sent: object[] = [];
  let version = 1;
  const pod = (): Pod => ({ metadata: { ...key, resourceVersion: String(version) } });
  const mergePatch = (_resource: object, _key: object, patch: object): Promise<Pod> => {
    sent.push(patch);
    version += 1;
    if (sent.length <= conflicts) return Promise.reject(new ApiError(409, 'Conflict', 'somebody was first'));
    return Promise.resolve(pod());
  };
  return { client: { get: () => Promise.resolve(pod()), mergePatch } as unknown as KubernetesClient, sent };
}

const label = (): object => ({ metadata: { labels: { a: 'b' } } });

test('a change is decided anew on every newer version, as often as the limit says and no more', async () => {
  const patient = contended(CONFLICTS_COUNT - 1);
  assert.ok(await changed(patient.client, PODS, key, { decide: label }));
  assert.deepEqual(patient.sent.at(-1), { metadata: { labels: { a: 'b' }, resourceVersion: String(CONFLICTS_COUNT) } });
  const beaten = contended(CONFLICTS_COUNT);
  await assert.rejects(changed(beaten.client, PODS, key, { decide: label }), { status: 409 });
  assert.equal(beaten.sent.length, CONFLICTS_COUNT);
});

test('nothing is sent where there is nothing to change', async () => {
  const { client, sent } = contended(0);
  assert.ok(await changed(client, PODS, key, { decide: () => undefined }));
  assert.deepEqual(sent, []);
});
