/** One case from its seed, whatever ran before it. */
import { httpRequests, httpResponses } from './http.js';
import { jsonMasking } from './json.js';
import { chunksOf, input } from './mutate.js';
import { postgresMessages } from './postgres.js';
import { Random } from './random.js';
import type { FuzzTarget } from './target.js';

export const TARGETS: readonly FuzzTarget[] = [httpRequests, httpResponses, postgresMessages, jsonMasking];

export interface Failure {
  seed: number;
  target: string;
  /** Sizes of the chunks. */
  sizes: number[];
  hex: string;
  error: Error;
}

/** `seed`: a whole number below 2^32. Undefined where everything held. */
export function runCase(seed: number, targets = TARGETS): Failure | undefined {
  const random = new Random(seed);
  const target = random.pick(targets);
  const bytes = input(target, random);
  const chunks = chunksOf(bytes, random);
  try {
    target.check(bytes, chunks);
    return undefined;
  } catch (error) {
    return { seed, target: target.name, sizes: chunks.map(({ length }) => length), hex: bytes.toString('hex'), error: error as Error };
  }
}

/** What a person needs to see it again. */
export function described({ seed, target, sizes, hex, error }: Failure): string {
  return [
    `fuzz: ${target} failed: ${error.stack ?? error.message}`,
    `  reproduce: SEED=${seed} make fuzz`,
    `  chunks of: ${sizes.join(' ')} bytes`,
    `  hex: ${hex}`,
  ].join('\n');
}
