import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { createLaunchVerifier } from '@cairn/identity';
import { sharedApiServer } from '../harness/kubernetes/index.js';
import { ISSUER, prepare, startReplicas, type Replica } from './state-replicas.js';
import { until } from '../harness/until.js';

const ALICE = { iss: 'kubernetes', sub: 'alice', name: 'alice', groups: [], authn: 'kubernetes' as const };
const ROTATIONS = 4;
const OVERLAP_SECONDS = 1;

const kids = (replica: Replica): (string | undefined)[] => replica.service.jwks().keys.map(({ kid }) => kid);

/** Mints at one replica and verifies by the keys that the other one publishes, until told to stop. Returns how often. */
async function exchanges(from: Replica, by: Replica, name: string, running: () => boolean): Promise<number> {
  const verifier = createLaunchVerifier({ issuer: ISSUER, jwks: new URL(`${by.url}/.well-known/jwks.json`) });
  let count = 0;
  for (; running(); count++) {
    const grant = await by.service.grant({ principal: ALICE, namespace: 'research', agent: 'planner' }, `${name}-${count}`, 600);
    const { access_token: token, ...answer } = await from.exchange(grant, 'jwt', 'planner');
    assert.equal(answer.status, 200, JSON.stringify(answer));
    await verifier.verify(token);
  }
  return count;
}

describe('the key ring in a Secret, on two replicas', () => {
  const shared = sharedApiServer({ controllerManager: false });
  before(() => prepare(shared()));

  test('replicas that start at once share one ring, and both rotating at once is one rotation', async (t) => {
    const { one, other } = await startReplicas(t, shared(), { keyOverlapSeconds: 0 });
    assert.deepEqual(kids(one), kids(other));
    const [current, next] = kids(one);
    await Promise.all([one.service.rotateKeys(), other.service.rotateKeys()]);
    assert.equal(one.state.keys().current.kid, next, 'the published key signs');
    await until('the other replica', () => Promise.resolve(kids(other)[0] === kids(one)[0]));
    assert.deepEqual(kids(one), kids(other));
    assert.equal(kids(one)[2], current, 'the previous one is still published');
  });

  test('a key that was published a moment ago does not sign yet', async (t) => {
    const { one } = await startReplicas(t, shared(), { keyOverlapSeconds: 3600 });
    await assert.rejects(one.service.rotateKeys(), { status: 409, code: 'too-soon' });
  });

  test('rotations under load fail no exchange and no verification', async (t) => {
    const { one, other } = await startReplicas(t, shared(), { keyOverlapSeconds: OVERLAP_SECONDS });
    let running = true;
    const load = Promise.all([exchanges(one, other, 'a', () => running), exchanges(other, one, 'b', () => running)]);
    const first = kids(one)[0];
    let signing = first;
    for (let rotation = 0; rotation < ROTATIONS; rotation++) {
      const replica = rotation % 2 === 0 ? one : other;
      signing = await until('the next key to be old enough', async () => {
        await replica.service.rotateKeys();
        const [current] = kids(replica);
        return current !== signing && current;
      });
    }
    running = false;
    const counts = await load;
    assert.ok(
      counts.every((count) => count > ROTATIONS),
      `${counts.join(' and ')} exchanges`,
    );
    await until('both replicas to agree', () => Promise.resolve(kids(one)[0] === kids(other)[0]));
    assert.equal(kids(one).indexOf(first), ROTATIONS + 1, 'each rotation put it one further down');
  });

  test('a Secret that somebody deletes comes back with the same keys', async (t) => {
    const { one } = await startReplicas(t, shared());
    const kept = kids(one);
    await shared().kubectl(['delete', 'secret', 'cairn-signing-keys', '-n', 'cairn-system']);
    await until(
      'the Secret',
      async () => (await shared().tryKubectl(['get', 'secret', 'cairn-signing-keys', '-n', 'cairn-system'])).code === 0,
    );
    assert.deepEqual(kids(one), kept);
  });
});
