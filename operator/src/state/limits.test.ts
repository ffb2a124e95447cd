import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { MAX_STREAM_KEYS, type ApprovalObject, type ApprovalRequest, type AuditStream, type StreamKey } from '@cairn/crds';
import { ApiError, type ApiObject, type KubernetesClient, type ObjectKey, type Reflector } from '../kubernetes/index.js';
import type { KeyRing } from '../service/stores.js';
import { ClusterApprovals } from './approvals.js';
import { APPROVAL_NAMES_COUNT } from './limits.js';
import { ClusterWitness } from './witness.js';

/** A reflector that has not heard of anything. */
function deaf<T extends ApiObject>(): Reflector<T> {
  const store = { by: () => [], get: () => undefined };
  return { store, subscribe: () => () => undefined } as unknown as Reflector<T>;
}

const POD = { namespace: 'n', name: 'p', uid: 'u' };
const keyOf = (index: number): StreamKey => ({ publicKey: `key-${index}`, certificate: 'c', time: '2026-11-22T10:00:00Z' });

function stream(keys: number): AuditStream {
  const spec = { stream: 's', agent: 'a', pod: POD, keys: Array.from({ length: keys }, (_, index) => keyOf(index)) };
  return { metadata: { namespace: 'n', name: 's', resourceVersion: '1' }, spec } as unknown as AuditStream;
}

function witness(t: TestContext, found: AuditStream, pendingCount?: number): ClusterWitness {
  const written = (): Promise<AuditStream> => Promise.resolve(found);
  const client = { get: written, mergePatch: written } as unknown as KubernetesClient;
  const made = new ClusterWitness({
    client,
    streams: deaf(),
    clock: Date.now,
    writes: { perSecond: 0.001, burst: 0 },
    contradicted: () => undefined,
    log: () => undefined,
    ...(pendingCount === undefined ? {} : { pendingCount }),
  });
  t.after(() => made.close());
  return made;
}

test('a stream takes keys up to its limit, and one more is refused', async (t) => {
  const registered = { stream: 's', certificate: 'c', publicKey: 'another', pod: POD, agent: 'n/a', time: '2026-11-22T10:00:00Z' };
  await witness(t, stream(MAX_STREAM_KEYS - 1)).register(registered);
  await assert.rejects(witness(t, stream(MAX_STREAM_KEYS)).register(registered), { code: 'too-many-keys' });
});

test('so many streams may wait to be written; one more is told to come again, a newer checkpoint of one that waits is taken', async (t) => {
  const busy = witness(t, stream(1), 2);
  const head = (name: string, size: number) => ({ stream: name, size, root: 'r', time: '2026-11-22T10:00:00Z' });
  await busy.advance(head('one', 1), 'n');
  await busy.advance(head('two', 1), 'n');
  await assert.rejects(busy.advance(head('three', 1), 'n'), { status: 503, code: 'busy' });
  await busy.advance(head('two', 2), 'n');
  assert.equal(busy.waiting, 2);
});

test('the same bytes find a free name as long as not too many were decided before', async () => {
  const request = {
    digest: 'd',
    actor: { agent: { name: 'a', namespace: 'n' } },
    requirement: { groups: ['g'], minimum: 1, timeout: '1m' },
  } as unknown as ApprovalRequest;
  const asked = async (taken: number): Promise<boolean> => {
    let names = 0;
    const object = (name: string, created: string): ApprovalObject =>
      ({
        metadata: { namespace: 'n', name, uid: name, resourceVersion: '1', creationTimestamp: created },
        spec: { request, votes: [] },
      }) as unknown as ApprovalObject;
    const client = {
      create: (_: unknown, { metadata }: ApprovalObject) =>
        ++names > taken
          ? Promise.resolve(object(metadata.name, new Date().toISOString()))
          : Promise.reject(new ApiError(409, 'AlreadyExists', 'taken')),
      get: (_: unknown, { name }: ObjectKey) => Promise.resolve(object(name, '2020-01-01T00:00:00Z')),
    } as unknown as KubernetesClient;
    const keys = { jwks: () => ({ keys: [] }) } as unknown as KeyRing;
    const none = (): void => undefined;
    const store = new ClusterApprovals({ client, approvals: deaf(), keys, clock: Date.now, notify: none, log: none });
    return (await store.request(request)).created;
  };
  assert.ok(await asked(APPROVAL_NAMES_COUNT - 1));
  await assert.rejects(asked(APPROVAL_NAMES_COUNT), { status: 429, code: 'too-many-approvals' });
});
