import assert from 'node:assert/strict';
import { test } from 'node:test';
import { IdentityError, type LaunchVerifier, type VerifiedLaunch } from '@cairn/identity';
import { Standing } from '../control/standing.js';
import { MAX_HOP_LAUNCHES } from '../hop/limits.js';
import { Peer } from './peer.js';
import { TOKEN_LEEWAY_SECONDS } from './limits.js';

const POD = { namespace: 'research', name: 'planner-0', uid: 'u-1' };
const EXPIRES = 1_000;

/** Tokens are `LAUNCH-ID PERSON [POD-UID]`. */
const verifier: LaunchVerifier = {
  async verify(token): Promise<VerifiedLaunch> {
    const [id, name, uid = POD.uid] = token.split(' ');
    if (!id || !name) throw new IdentityError('signature', 'the signature does not hold');
    const root = { iss: 'corp', sub: name, name, groups: [], authn: 'oidc' as const };
    return { root, launch: { id, chain: id, depth: 1, path: ['research/planner'] }, ancestors: [], pod: { ...POD, uid }, expires: EXPIRES };
  },
};

function peer(): { peer: Peer; clock: { seconds: number } } {
  const clock = { seconds: 0 };
  return { peer: new Peer({ verifier, standing: new Standing(), clock: () => clock.seconds * 1000 }, POD), clock };
}

const start = { type: 'start', serves: true, sessionToken: 's', apiToken: null, cause: 'hand-over' } as const;

test('the ladder at the gateway is that of the sidecar’s contexts', async () => {
  const { peer: told } = peer();
  await told.tell({ type: 'launch', number: 0, token: 'l0 carol' });
  await told.tell({ type: 'own', launch: 0 });
  await told.tell(start);
  assert.deepEqual(
    [told.attribute({}).method, told.attribute({}).identity?.root.name, told.attribute({}).cause],
    ['background', 'carol', 'hand-over'],
  );
  await told.tell({ type: 'launch', number: 1, token: 'l1 alice' });
  await told.tell({ type: 'open', handle: 'a', launch: 1, traceparent: null, cause: 'in-a' });
  const serialized = told.attribute({});
  assert.deepEqual([serialized.method, serialized.identity?.root.name, serialized.cause], ['serialized', 'alice', 'in-a']);
  await told.tell({ type: 'open', handle: 'b', launch: null, traceparent: null, cause: 'in-b' });
  assert.equal(told.attribute({}).method, 'ambiguous');
  assert.equal(told.attribute({ handle: 'a' }).identity?.root.name, 'alice');
  await told.tell({ type: 'close', handle: 'a' });
  await told.tell({ type: 'close', handle: 'b' });
  assert.equal(told.attribute({}).method, 'background');
});

test('a renewed token takes the old one’s place, for the same launch alone', async () => {
  const { peer: told } = peer();
  await told.tell({ type: 'launch', number: 0, token: 'l0 carol' });
  await told.tell({ type: 'own', launch: 0 });
  await told.tell({ type: 'launch', number: 0, token: 'l0 carol u-1 renewed' });
  assert.equal(told.attribute({}).token, 'l0 carol u-1 renewed');
  await assert.rejects(async () => told.tell({ type: 'launch', number: 0, token: 'l9 alice' }), /became another launch/);
});

test('a token that expired without a new one attributes for the leeway and no longer', async () => {
  const { peer: told, clock } = peer();
  await told.tell({ type: 'launch', number: 0, token: 'l0 carol' });
  await told.tell({ type: 'own', launch: 0 });
  clock.seconds = EXPIRES + TOKEN_LEEWAY_SECONDS;
  assert.equal(told.attribute({}).identity?.root.name, 'carol');
  clock.seconds += 1;
  assert.deepEqual([told.attribute({}).method, told.attribute({}).identity], ['none', undefined]);
});

test('another pod’s token, one that does not hold, a number that was not told or is out of order: refused', async () => {
  const { peer: told } = peer();
  await assert.rejects(async () => told.tell({ type: 'launch', number: 0, token: 'l0 carol u-2' }), { code: 'claims' });
  await assert.rejects(async () => told.tell({ type: 'launch', number: 0, token: 'forged' }), { code: 'signature' });
  await assert.rejects(async () => told.tell({ type: 'own', launch: 0 }), /launch number 0, which was not told/);
  await assert.rejects(async () => told.tell({ type: 'launch', number: 1, token: 'l1 carol' }), /out of order/);
});

test('a connection speaks of as many launches as a pod may serve, and of no more', async () => {
  const { peer: told } = peer();
  for (let number = 0; number < MAX_HOP_LAUNCHES; number++) await told.tell({ type: 'launch', number, token: `l${number} carol` });
  await assert.rejects(async () => told.tell({ type: 'launch', number: MAX_HOP_LAUNCHES, token: 'more carol' }), /out of order/);
});
