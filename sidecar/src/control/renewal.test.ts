import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { LaunchVerifier, VerifiedLaunch } from '@cairn/identity';
import { Contexts, type ContextIdentity } from '../attribute/contexts.js';
import { createLog } from '../config/log.js';
import { Launches } from './launches.js';
import { RENEW_BEFORE_SECONDS, RENEWAL_LOOK_MS } from './limits.js';
import { OperatorError, type OperatorClient } from './operator-client.js';
import { renewDue } from './renewal.js';
import { Standing } from './standing.js';

const LIFETIME_SECONDS = 900;

/** A pod with its own launch that serves one request of another; the operator issues `token-N` for the Nth question. */
async function pod() {
  const clock = { seconds: 1_000_000 };
  const asked: string[] = [];
  const refusing: { error: Error | undefined } = { error: undefined };
  const operator = {
    exchange: (subject: string, kind: string, scope?: string) => {
      asked.push([kind, subject, scope].filter((part) => part !== undefined).join(' '));
      return refusing.error
        ? Promise.reject(refusing.error)
        : Promise.resolve({ token: `token-${asked.length}`, expiresIn: LIFETIME_SECONDS });
    },
  } as unknown as OperatorClient;
  const verifier: LaunchVerifier = {
    verify: (token) =>
      Promise.resolve({
        root: { iss: 'https://idp', sub: 'alice', name: 'alice', groups: [], authn: 'oidc' },
        launch: { id: token, chain: 'first', depth: 1, path: ['n/a'] },
        ancestors: [],
        pod: { namespace: 'n', name: 'p', uid: 'u' },
        expires: clock.seconds + LIFETIME_SECONDS,
      } satisfies VerifiedLaunch),
  };
  const lines: string[] = [];
  const log = createLog('warn', (line) => lines.push(line));
  const launches = new Launches(operator, verifier, new Standing(), () => clock.seconds * 1000);
  const own: { launch: ContextIdentity | undefined } = { launch: await launches.of('grant', 'grant') };
  const contexts = new Contexts({ serves: true, own: () => own.launch });
  const served = await launches.of('alice', 'oidc');
  const handle = contexts.open({ ...served, traceparent: undefined, cause: 'intent' })!;
  const renewal = { launches, contexts, grant: 'grant', own, log };
  return { clock, asked, refusing, lines, own, contexts, handle, look: () => renewDue(renewal) };
}

const NEARLY = LIFETIME_SECONDS - RENEW_BEFORE_SECONDS;

describe('launch tokens in use', () => {
  it('are renewed shortly before they expire, and not sooner: the pod’s own by its grant, a served one by itself', async () => {
    const { clock, asked, own, contexts, handle, look } = await pod();
    clock.seconds += NEARLY;
    await look();
    assert.deepEqual(asked, ['grant grant', 'oidc alice']);
    clock.seconds += 1;
    await look();
    assert.deepEqual(asked.slice(2).toSorted(), ['grant grant', 'launch token-2 renew']);
    assert.deepEqual(
      [own.launch?.token, contexts.attribute({ handle }).token].toSorted((one, other) => one!.localeCompare(other!)),
      ['token-3', 'token-4'],
    );
    await look();
    assert.equal(asked.length, 4);
  });

  it('keep the launch of what is being served', async () => {
    const { clock, contexts, handle, look } = await pod();
    const before = contexts.attribute({ handle });
    clock.seconds += NEARLY + 1;
    await look();
    const after = contexts.attribute({ handle });
    assert.equal(after.identity, before.identity);
    assert.notEqual(after.token, before.token);
  });

  it('stay while the operator cannot be asked, which is said and tried again', async () => {
    const { clock, refusing, lines, own, contexts, handle, look } = await pod();
    clock.seconds += NEARLY + 1;
    refusing.error = new OperatorError(503, undefined, 'not now');
    await look();
    assert.deepEqual([own.launch?.token, contexts.attribute({ handle }).token], ['token-1', 'token-2']);
    assert.match(lines.join(''), /launch token not renewed.*token-2.*not now/);
    refusing.error = undefined;
    await look();
    assert.notEqual(own.launch?.token, 'token-1');
    assert.notEqual(contexts.attribute({ handle }).token, 'token-2');
  });

  it('of a grant that no longer holds are gone: the pod acts for nobody', async () => {
    const { clock, refusing, lines, own, look } = await pod();
    clock.seconds += NEARLY + 1;
    refusing.error = new OperatorError(400, 'invalid_request', 'the grant has expired');
    await look();
    assert.equal(own.launch, undefined);
    assert.match(lines.join(''), /acts for nobody from now on.*the grant has expired/);
  });

  it('can fail several times before they expire', () => {
    assert.ok(RENEWAL_LOOK_MS * 3 < RENEW_BEFORE_SECONDS * 1000);
  });
});
