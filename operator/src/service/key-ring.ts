/** The signing keys as they are stored, and what a replica makes of them. */
import { generateSigningJwk, importSigningKey, type SigningAlgorithm, type SigningKey } from '@cairn/identity';
import type { JSONWebKeySet, JWK } from 'jose';
import { PREVIOUS_KEYS_COUNT } from './limits.js';

export interface StoredKeys {
  current: JWK;
  next: JWK;
  /** Public parts. */
  previous: JWK[];
}

export interface LoadedKeys {
  readonly stored: StoredKeys;
  readonly current: SigningKey;
  /** What is published: the current key, the next one, the previous ones. */
  readonly jwks: JSONWebKeySet;
}

export async function newKeys(alg: SigningAlgorithm): Promise<StoredKeys> {
  return { current: await generateSigningJwk(alg), next: await generateSigningJwk(alg), previous: [] };
}

export async function loadKeys(stored: StoredKeys): Promise<LoadedKeys> {
  const [current, next] = [await importSigningKey(stored.current), await importSigningKey(stored.next)];
  return { stored, current, jwks: { keys: [current.publicJwk, next.publicJwk, ...stored.previous] } };
}

/** The next key signs from now on, and another one is published. */
export async function rotatedKeys({ stored, current }: LoadedKeys, alg: SigningAlgorithm): Promise<StoredKeys> {
  const previous = [current.publicJwk, ...stored.previous].slice(0, PREVIOUS_KEYS_COUNT);
  return { current: stored.next, next: await generateSigningJwk(alg), previous };
}
