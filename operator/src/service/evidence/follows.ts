import { Problem } from '../http/problem.js';
import type { WitnessedCheckpoint } from '../stores.js';

type Head = Pick<WitnessedCheckpoint, 'size' | 'root'>;

/** False where the checkpoint says the same again. Throws Problem 409 where both cannot be true. */
export function follows(before: Head, checkpoint: Head): boolean {
  if (checkpoint.size > before.size) return true;
  if (checkpoint.size < before.size) {
    throw new Problem(409, 'shrunk', `the stream held ${before.size} events before and cannot hold ${checkpoint.size} now`);
  }
  if (checkpoint.root !== before.root) throw new Problem(409, 'fork', `the stream of ${before.size} events has two histories`);
  return false;
}
