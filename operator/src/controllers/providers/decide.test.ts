import assert from 'node:assert/strict';
import { test } from 'node:test';
import { observationsOf, type ProviderView } from './decide.js';
import { PROBLEMS_SHOWN_COUNT } from './limits.js';

const said = (view: Partial<ProviderView>): Record<string, string> =>
  Object.fromEntries(
    observationsOf({ problems: [], kind: 'oidc', asked: { keys: 2 }, ...view }).map(({ type, status, reason }) => [
      type,
      `${status} ${reason}`,
    ]),
  );
const problem = { path: 'spec.oidc.issuer', message: 'must be a URL.' };

test('a provider that answers with keys is ready', () => {
  assert.deepEqual(said({}), { Ready: 'True InForce', Accepted: 'True Valid', Reachable: 'True Fetched' });
  assert.match(observationsOf({ problems: [], kind: 'saml', asked: { keys: 1 } })[2]!.message, /Its metadata could be fetched: 1 signing/);
});

test('one that does not answer, or has no keys, is not, and says why', () => {
  const asked = { failure: 'the discovery document at https://idp answered 503' };
  assert.deepEqual(said({ asked }), { Ready: 'False NotReached', Accepted: 'True Valid', Reachable: 'False NotReached' });
  assert.match(observationsOf({ problems: [], kind: 'oidc', asked })[0]!.message, /answered 503/);
  assert.deepEqual(said({ asked: { keys: 0 } }), { Ready: 'False NoKeys', Accepted: 'True Valid', Reachable: 'False NoKeys' });
});

test('one that is not valid is not asked, and names its mistakes up to a count', () => {
  const view: ProviderView = { problems: [problem], kind: 'oidc', asked: undefined };
  assert.deepEqual(said(view), { Ready: 'False Invalid', Accepted: 'False Invalid', Reachable: 'Unknown NotAsked' });
  const message = (count: number): string =>
    observationsOf({ ...view, problems: Array.from({ length: count }, () => problem) })[1]!.message;
  assert.doesNotMatch(message(PROBLEMS_SHOWN_COUNT), /more problems/);
  assert.match(message(PROBLEMS_SHOWN_COUNT + 1), /and 1 more problems/);
});
