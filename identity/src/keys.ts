import { createLocalJWKSet, errors, type CryptoKey, type FlattenedJWSInput, type JSONWebKeySet, type JWSHeaderParameters } from 'jose';
import { fetchDocument, parseObject, trustedUrl } from './fetch-json.js';
import { UNKNOWN_KEY_BURST, UNKNOWN_KEY_MILLISECONDS } from './limits.js';
import { Renewed } from './renewed.js';
import { IdentityError } from './types.js';

/** Where public keys come from: a URL that is fetched and renewed, a fixed set, or a set of this process that may rotate. */
export type JwksSource = string | URL | JSONWebKeySet | (() => JSONWebKeySet) | LoadedJwks;

/** Keys that are asked for over somebody's own connection, and renewed as those of a URL are. */
export interface LoadedJwks {
  load: () => Promise<JSONWebKeySet>;
}
export type KeyResolver = (header: JWSHeaderParameters, token: FlattenedJWSInput) => Promise<CryptoKey>;

/** A published key set, and what resolves keys in it. Throws IdentityError `unavailable`. */
export async function fetchKeySet(url: URL): Promise<{ set: JSONWebKeySet; resolve: KeyResolver }> {
  const { text } = await fetchDocument(url, 'the JWKS');
  try {
    const set = parseObject(text, 'the JWKS') as unknown as JSONWebKeySet;
    return { set, resolve: createLocalJWKSet(set) };
  } catch (error) {
    if (error instanceof IdentityError) throw error;
    throw new IdentityError('unavailable', `the JWKS at ${url.origin} is not a key set`);
  }
}

/** How often keys that nobody published may send us to the issuer: else a stranger's tokens would hammer it. */
export class FetchAllowance {
  #left = UNKNOWN_KEY_BURST;
  #since: number;

  constructor(readonly clock: () => number) {
    this.#since = clock();
  }

  take(): boolean {
    const earned = Math.floor((this.clock() - this.#since) / UNKNOWN_KEY_MILLISECONDS);
    if (earned > 0) {
      this.#left = Math.min(UNKNOWN_KEY_BURST, this.#left + earned);
      this.#since += earned * UNKNOWN_KEY_MILLISECONDS;
    }
    if (this.#left === 0) return false;
    this.#left--;
    return true;
  }
}

function renewedKeys(load: () => Promise<KeyResolver>, clock: () => number): KeyResolver {
  const keys = new Renewed(load, clock);
  const allowance = new FetchAllowance(clock);
  return async (header, token) => {
    const resolve = await keys.get();
    try {
      return await resolve(header, token);
    } catch (error) {
      // An unknown key id is how a rotation shows first.
      if (!(error instanceof errors.JWKSNoMatchingKey) || !allowance.take()) throw error;
      return (await keys.renew())(header, token);
    }
  };
}

/** Finds the public key of a token. A rotation is followed at the first unknown key id, a bounded number of times. */
export function createKeyResolver(source: JwksSource, clock: () => number = Date.now): KeyResolver {
  if (typeof source === 'string' || source instanceof URL) {
    const url = trustedUrl(String(source), 'the JWKS address');
    return renewedKeys(async () => (await fetchKeySet(url)).resolve, clock);
  }
  if ('load' in source) return renewedKeys(async () => createLocalJWKSet(await source.load()), clock);
  if (typeof source !== 'function') return createLocalJWKSet(source);
  let set: JSONWebKeySet | undefined;
  let resolve: KeyResolver | undefined;
  return (header, token) => {
    const current = source();
    if (current !== set || !resolve) {
      set = current;
      resolve = createLocalJWKSet(current);
    }
    return resolve(header, token);
  };
}
