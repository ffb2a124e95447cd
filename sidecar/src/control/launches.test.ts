import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { IdentityError, type LaunchVerifier, type VerifiedLaunch } from '@cairn/identity';
import { Launches } from './launches.js';
import { MAX_LAUNCHES, RENEW_BEFORE_SECONDS } from './limits.js';
import { OperatorError, type OperatorClient } from './operator-client.js';
import { Standing } from './standing.js';

const LIFETIME_SECONDS = 900;

function verified(id: string, expires: number): VerifiedLaunch {
  return {
    root: { iss: 'https://idp', sub: 'alice', name: 'alice', groups: [], authn: 'oidc' },
    launch: { id, chain: 'first', parent: 'second', depth: 3, path: ['n/a', 'n/b', 'n/c'] },
    ancestors: ['first', 'second'],
    pod: { namespace: 'n', name: 'p', uid: 'u' },
    expires,
  };
}

/** Launches over an operator that issues `launch-N` for the Nth question. */
function world(fail?: (asked: number) => Error | undefined): {
  launches: Launches;
  standing: Standing;
  asked: string[];
  clock: { seconds: number };
} {
  const asked: string[] = [];
  const clock = { seconds: 1_000_000 };
  const operator = {
    exchange: (subject: string, kind: string) => {
      asked.push(`${kind} ${subject}`);
      const error = fail?.(asked.length);
      return error ? Promise.reject(error) : Promise.resolve({ token: `launch-${asked.length}`, expiresIn: LIFETIME_SECONDS });
    },
  } as unknown as OperatorClient;
  const verifier: LaunchVerifier = { verify: (token) => Promise.resolve(verified(token, clock.seconds + LIFETIME_SECONDS)) };
  const standing = new Standing();
  return { launches: new Launches(operator, verifier, standing, () => clock.seconds * 1000), standing, asked, clock };
}

const refused = (code: IdentityError['code'], message: RegExp) => (error: unknown) => {
  assert.ok(error instanceof IdentityError, String(error));
  assert.equal(error.code, code);
  assert.match(error.message, message);
  return true;
};

describe('launches of a pod', () => {
  it('are asked for once a token, also by many at a time', async () => {
    const { launches, asked } = world();
    const all = await Promise.all(['t', 't', 'u', 't'].map((token) => launches.of(token, 'oidc')));
    assert.deepEqual(asked, ['oidc t', 'oidc u']);
    assert.deepEqual(
      all.map(({ token }) => token),
      ['launch-1', 'launch-1', 'launch-2', 'launch-1'],
    );
    assert.deepEqual(Object.keys(all[0]!.identity), ['root', 'launch']);
  });

  it('are another’s where the same text is presented as another kind of token', async () => {
    const { launches, asked } = world();
    await launches.of('t', 'oidc');
    await launches.of('t', 'launch');
    assert.deepEqual(asked, ['oidc t', 'launch t']);
  });

  it('are renewed shortly before they expire, and not sooner', async () => {
    const { launches, clock } = world();
    const token = async (): Promise<string> => (await launches.of('t', 'grant')).token;
    assert.equal(await token(), 'launch-1');
    clock.seconds += LIFETIME_SECONDS - RENEW_BEFORE_SECONDS;
    assert.equal(await token(), 'launch-1');
    clock.seconds += 1;
    assert.equal(await token(), 'launch-2');
    assert.equal(await token(), 'launch-2');
  });

  for (const status of [400, 401, 403, 499]) {
    it(`are refused where the operator answers ${status}, in its words`, async () => {
      const { launches } = world(() => new OperatorError(status, 'invalid_grant', 'the token has expired'));
      await assert.rejects(launches.of('t', 'oidc'), refused('claims', /^the token has expired$/));
    });
  }

  for (const status of [0, 500, 503]) {
    it(`are unavailable where the operator answers ${status || 'nothing'}`, async () => {
      const { launches } = world(() => new OperatorError(status, undefined, 'not now'));
      await assert.rejects(launches.of('t', 'oidc'), refused('unavailable', /^not now$/));
    });
  }

  it('are unavailable where the exchange fails in another way, and say nothing of its content', async () => {
    const { launches } = world(() => new SyntaxError('Unexpected token s, "secret" is not valid JSON'));
    await assert.rejects(launches.of('t', 'oidc'), refused('unavailable', /^(?!.*secret).*the operator/));
  });

  it('are refused as the verifier says', async () => {
    const { launches } = world(() => new IdentityError('signature', 'the signature does not hold'));
    await assert.rejects(launches.of('t', 'oidc'), refused('signature', /does not hold/));
  });

  it('are asked for again after a failure', async () => {
    const { launches, asked } = world((count) => (count === 1 ? new OperatorError(503, undefined, 'not now') : undefined));
    await assert.rejects(launches.of('t', 'oidc'));
    assert.equal((await launches.of('t', 'oidc')).token, 'launch-2');
    assert.equal(asked.length, 2);
  });

  for (const launch of ['launch-1', 'second', 'first']) {
    it(`stop at once when ${launch} is revoked, though they were remembered`, async () => {
      const { launches, standing, asked } = world();
      await launches.of('t', 'oidc');
      standing.revoke({ number: 1, launch, time: '2026-01-01T00:00:00Z', by: 'admin' });
      await assert.rejects(launches.of('t', 'oidc'), refused('revoked', new RegExp(`launch ${launch}.* was revoked by admin`)));
      assert.equal(asked.length, 1);
    });
  }

  it('go on when another is revoked', async () => {
    const { launches, standing } = world();
    await launches.of('t', 'oidc');
    standing.revoke({ number: 1, launch: 'other', time: '2026-01-01T00:00:00Z', by: 'admin' });
    assert.equal((await launches.of('t', 'oidc')).token, 'launch-1');
  });

  it('are remembered up to a limit; one more drops the oldest', async () => {
    const { launches, asked } = world();
    for (let index = 0; index < MAX_LAUNCHES; index++) await launches.of(`t${index}`, 'oidc');
    await launches.of('t0', 'oidc');
    assert.equal(asked.length, MAX_LAUNCHES);
    await launches.of('one more', 'oidc');
    await launches.of('t1', 'oidc');
    assert.equal(asked.length, MAX_LAUNCHES + 1);
    await launches.of('t0', 'oidc');
    assert.equal(asked.length, MAX_LAUNCHES + 2);
  });
});
