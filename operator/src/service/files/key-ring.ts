import { readFile } from 'node:fs/promises';
import { generateSigningJwk, importSigningKey, type SigningAlgorithm } from '@cairn/identity';
import type { JSONWebKeySet, JWK } from 'jose';
import { PREVIOUS_KEYS_COUNT } from '../limits.js';
import type { KeyRing } from '../stores.js';
import { writeAtomically } from './journal.js';

interface StoredKeys {
  current: JWK;
  next: JWK;
  /** Public parts. */
  previous: JWK[];
}

async function ringOf(stored: StoredKeys, store: (keys: StoredKeys) => Promise<void>, alg: SigningAlgorithm): Promise<KeyRing> {
  let keys = stored;
  let current = await importSigningKey(keys.current);
  let jwks = await published(keys);
  return {
    get current() {
      return current;
    },
    jwks: () => jwks,
    async rotate() {
      const previous = [current.publicJwk, ...keys.previous].slice(0, PREVIOUS_KEYS_COUNT);
      const rotated = { current: keys.next, next: await generateSigningJwk(alg), previous };
      await store(rotated);
      keys = rotated;
      current = await importSigningKey(keys.current);
      jwks = await published(keys);
    },
  };
}

async function published(keys: StoredKeys): Promise<JSONWebKeySet> {
  const [current, next] = [await importSigningKey(keys.current), await importSigningKey(keys.next)];
  return { keys: [current.publicJwk, next.publicJwk, ...keys.previous] };
}

/** Reads the keys from a file (mode 0600), or makes them at the first start. */
export async function openKeyRing(file: string, alg: SigningAlgorithm = 'ES256'): Promise<KeyRing> {
  const store = (keys: StoredKeys): Promise<void> => writeAtomically(file, `${JSON.stringify(keys)}\n`);
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (text !== undefined) return ringOf(JSON.parse(text) as StoredKeys, store, alg);
  const keys = { current: await generateSigningJwk(alg), next: await generateSigningJwk(alg), previous: [] };
  await store(keys);
  return ringOf(keys, store, alg);
}
