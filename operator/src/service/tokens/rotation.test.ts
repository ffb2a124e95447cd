import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createLaunchVerifier } from '@cairn/identity';
import type { JSONWebKeySet } from 'jose';
import { openKeyRing } from '../files/key-ring.js';
import { fileStores } from '../files/stores.js';
import { startFixture, type Fixture } from '../fixture.js';
import { createOperatorService } from '../service.js';
import type { KeyRing, OpenStores } from '../stores.js';

/** A ring as another replica sees it: a rotation reaches it when its watch does. */
class Watched implements KeyRing {
  #current: KeyRing['current'];
  #jwks: JSONWebKeySet;

  constructor(readonly ring: KeyRing) {
    this.#current = ring.current;
    this.#jwks = ring.jwks();
  }

  get current(): KeyRing['current'] {
    return this.#current;
  }

  jwks(): JSONWebKeySet {
    return this.#jwks;
  }

  rotate(): Promise<void> {
    return this.ring.rotate();
  }

  hear(): void {
    this.#current = this.ring.current;
    this.#jwks = this.ring.jwks();
  }
}

const ISSUER = 'https://cairn-operator.cairn-system.svc:8443';
const CLIENTS = 4;
/** A verifier that never saw a key may fetch the set a few times at once, so few rotations follow each other without a pause. */
const ROTATIONS = 4;
/** Exchanges that every client has made before the next step. */
const ROUNDS = 3;

function over(folder: string, keys: KeyRing): OpenStores {
  return async (changed, clock) => ({ ...(await fileStores(folder)(changed, clock)), keys });
}

async function exchange(fixture: Fixture, replica: string, subject: string, type: string, agent: string): Promise<string> {
  const form = {
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    subject_token: subject,
    subject_token_type: `urn:ietf:params:oauth:token-type:${type}`,
    actor_token: await fixture.workloadToken(agent),
    actor_token_type: 'urn:ietf:params:oauth:token-type:jwt',
  };
  const response = await fetch(`${replica}/oauth2/token`, { method: 'POST', body: new URLSearchParams(form) });
  const text = await response.text();
  assert.equal(response.status, 200, text);
  return (JSON.parse(text) as { access_token: string }).access_token;
}

/** A person's token at one replica, the launch passed on at the other, and both verified by the other's published keys. */
async function client(fixture: Fixture, from: string, to: string, progress: EventEmitter, running: () => boolean): Promise<number> {
  const verifier = createLaunchVerifier({ issuer: ISSUER, jwks: `${to}/.well-known/jwks.json` });
  let count = 0;
  for (; running(); count++) {
    const first = await exchange(fixture, from, await fixture.idToken('alice', { jti: String(count) }), 'id_token', 'planner');
    await verifier.verify(first);
    await verifier.verify(await exchange(fixture, to, first, 'txn_token', 'researcher'));
    progress.emit('done');
  }
  return count;
}

test('keys rotate under load at two replicas, one of which hears of it late, and no request fails', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'cairn-rotation-'));
  t.after(() => rm(folder, { recursive: true }));
  const ring = await openKeyRing(join(folder, 'shared.json'));
  const late = new Watched(ring);
  const one = await startFixture(t, { issuer: ISSUER, stores: over(join(folder, 'one'), ring) });
  const two = await createOperatorService({ ...one.options, stores: over(join(folder, 'two'), late) });
  const replicas = [one.url, await two.listen()] as const;
  t.after(() => two.close());
  const progress = new EventEmitter();
  const exchanges = async (more: number): Promise<void> => {
    for (let done = 0; done < more; done++) await Promise.race([once(progress, 'done'), ended]);
  };
  let ended: Promise<unknown> = new Promise(() => undefined);
  let running = true;
  const clients = Array.from({ length: CLIENTS }, (_, index) =>
    client(one, replicas[index % 2]!, replicas[(index + 1) % 2]!, progress, () => running),
  );
  const counts = Promise.all(clients);
  ended = counts;
  const kids = new Set([ring.current.kid]);
  for (let rotation = 0; rotation < ROTATIONS; rotation++) {
    await exchanges(CLIENTS * ROUNDS);
    await one.service.rotateKeys();
    kids.add(ring.current.kid);
    // The next key was published before: what the late replica does not know signs nothing yet.
    await exchanges(CLIENTS * ROUNDS);
    late.hear();
  }
  await exchanges(CLIENTS * ROUNDS);
  running = false;
  assert.equal(kids.size, ROTATIONS + 1);
  assert.ok((await counts).every((count) => count > 0));
});
