import { readFile } from 'node:fs/promises';
import type { SigningAlgorithm } from '@cairn/identity';
import { loadKeys, newKeys, rotatedKeys, type StoredKeys } from '../key-ring.js';
import type { KeyRing } from '../stores.js';
import { writeAtomically } from './journal.js';

async function ringOf(stored: StoredKeys, store: (keys: StoredKeys) => Promise<void>, alg: SigningAlgorithm): Promise<KeyRing> {
  let keys = await loadKeys(stored);
  return {
    get current() {
      return keys.current;
    },
    jwks: () => keys.jwks,
    async rotate() {
      const rotated = await rotatedKeys(keys, alg);
      await store(rotated);
      keys = await loadKeys(rotated);
    },
  };
}

/** Reads the keys from a file (mode 0600), or makes them at the first start. */
export async function openKeyRing(file: string, alg: SigningAlgorithm = 'ES256'): Promise<KeyRing> {
  const store = (keys: StoredKeys): Promise<void> => writeAtomically(file, `${JSON.stringify(keys)}\n`);
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (text !== undefined) return ringOf(JSON.parse(text) as StoredKeys, store, alg);
  const keys = await newKeys(alg);
  await store(keys);
  return ringOf(keys, store, alg);
}
