import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type LaunchIdentity, type Revocation, RevocationList } from '@cairn/identity';
import { createLog } from '../config/log.js';
import { followRevocations } from './follow.js';
import { Standing } from './standing.js';

function identity(id: string): LaunchIdentity {
  const root = { iss: 'https://idp', sub: 'alice', name: 'alice', groups: [], authn: 'oidc' as const };
  return { root, launch: { id, chain: 'first', parent: 'second', depth: 3, path: ['n/a', 'n/b', 'n/c'] } };
}

const entry = (number: number, launch: string, reason?: string): Revocation => ({
  number,
  launch,
  time: '2026-01-01T00:00:00Z',
  by: 'carol',
  ...(reason ? { reason } : {}),
});

/** Follows an operator that answers with these lists in turn, and then no more. */
async function followed(standing: Standing, ...answers: Revocation[][]): Promise<{ log: string[]; changes: number }> {
  const stop = new AbortController();
  const log: string[] = [];
  let changes = 0;
  const revocations = (): Promise<Revocation[]> => {
    const next = answers.shift();
    if (!next) stop.abort();
    return Promise.resolve(next ?? []);
  };
  await followRevocations(
    { revocations },
    standing,
    () => (changes += 1),
    createLog('info', (line) => log.push(line)),
    stop.signal,
  );
  return { log, changes };
}

describe('a launch', () => {
  it('stands until it or one above it is revoked, and says by whom', () => {
    const standing = new Standing();
    const third = identity('third');
    standing.know(third, ['first', 'second']);
    standing.revoke(entry(1, 'other'));
    assert.equal(standing.refusal(third), undefined);
    standing.revoke(entry(2, 'first', 'the key leaked'));
    assert.equal(standing.refusal(third), 'launch first, above third, was revoked by carol: the key leaked');
    standing.revoke(entry(3, 'third'));
    assert.equal(standing.refusal(third), 'launch third was revoked by carol');
  });
});

describe('following revocations', () => {
  it('goes on up to the limit of the list', async () => {
    const standing = new Standing(new RevocationList(2));
    const { changes } = await followed(standing, [entry(1, 'a')], [], [entry(2, 'b')]);
    assert.deepEqual([standing.problem, standing.last, changes], [undefined, 2, 2]);
    assert.equal(standing.refusal(identity('third')), undefined);
  });

  it('ends one beyond it: nothing stands any more, with a sentence, and the process goes on', async () => {
    const standing = new Standing(new RevocationList(2));
    const { log, changes } = await followed(standing, [entry(1, 'a'), entry(2, 'b'), entry(3, 'c')], [entry(4, 'd')]);
    assert.match(standing.problem ?? '', /holds its limit of 2 launches; rotate the signing keys/);
    assert.equal(standing.refusal(identity('third')), standing.problem);
    assert.equal(changes, 1);
    assert.match(log.at(-1)!, /nothing passes any more/);
  });
});
