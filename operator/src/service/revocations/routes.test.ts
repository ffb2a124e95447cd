import assert from 'node:assert/strict';
import { test } from 'node:test';
import { uuidv7, type Revocation } from '@cairn/identity';
import { startFixture } from '../fixture.js';

test('whoever is ahead of the list, as after a restore from a copy, waits for a change and is then told everything', async (t) => {
  const fixture = await startFixture(t);
  const [first, second] = [uuidv7(), uuidv7()];
  await fixture.service.revoke(first, 'carol');
  const token = await fixture.workloadToken('planner');
  const waiting = fixture.get('/v1/revocations?after=1000&wait=60', token);
  while (!/cairn_operator_waiters 1/.test(await (await fixture.get('/metrics')).text())) await new Promise(setImmediate);
  await fixture.service.revoke(second, 'carol');
  const { revocations } = (await (await waiting).json()) as { revocations: Revocation[] };
  assert.deepEqual(
    revocations.map(({ launch }) => launch),
    [first, second],
  );
});
