import { join } from 'node:path';
import type { PodReference } from '@cairn/identity';
import { Problem } from '../http/problem.js';
import { STREAM_KEYS_COUNT, STREAMS_COUNT } from '../limits.js';
import { Journal } from '../state/journal.js';

/** A line of streams.jsonl: a key of a stream was certified. A stream that rotates its key has several lines. */
export interface RegisteredKey {
  stream: string;
  /** JWT of the token service: typ `cairn-stream+jwt`. */
  certificate: string;
  /** base64url of the 32 raw bytes. */
  publicKey: string;
  pod: PodReference;
  /** `namespace/name`. */
  agent: string;
  /** RFC 3339. */
  time: string;
}

/** A line of witness.jsonl: the stream held `size` events whose head hashed to `root`. */
export interface WitnessedCheckpoint {
  stream: string;
  size: number;
  /** Hex. */
  root: string;
  /** RFC 3339. */
  time: string;
}

interface Known {
  /** Oldest first. */
  keys: RegisteredKey[];
  checkpoint?: WitnessedCheckpoint;
}

/**
 * Remembers, apart from the evidence itself, which streams exist and how long they have grown: so a deleted tail and a
 * deleted stream show, and a second history of the same stream is refused.
 */
export class Witness {
  readonly #streams = new Map<string, Known>();
  #registry: Journal<RegisteredKey> | undefined;
  #checkpoints: Journal<WitnessedCheckpoint> | undefined;

  private constructor(readonly limits: { streams: number; keys: number }) {}

  /** Superseded checkpoints are dropped at opening: the largest size and its root say all that the earlier ones did. */
  static async open(folder: string, limits = { streams: STREAMS_COUNT, keys: STREAM_KEYS_COUNT }): Promise<Witness> {
    const witness = new Witness(limits);
    const streams = witness.#streams;
    witness.#registry = await Journal.open<RegisteredKey>(join(folder, 'streams.jsonl'), {
      load: (line) => witness.#remember(line),
      current: () => [...streams.values()].flatMap(({ keys }) => keys),
    });
    witness.#checkpoints = await Journal.open<WitnessedCheckpoint>(join(folder, 'witness.jsonl'), {
      load: (line) => witness.#load(line),
      current: () => [...streams.values()].flatMap(({ checkpoint }) => checkpoint ?? []),
    });
    return witness;
  }

  /** Certified keys of a stream, oldest first; none where it is not registered. */
  keys(stream: string): readonly RegisteredKey[] {
    return this.#streams.get(stream)?.keys ?? [];
  }

  /** Adds a stream, or a further key of one that rotates; the caller has checked that the pod is the same. */
  async register(key: RegisteredKey): Promise<void> {
    const keys = this.keys(key.stream);
    if (keys.length >= this.limits.keys) throw new Problem(429, 'too-many-keys', `a stream may have ${this.limits.keys} keys`);
    if (keys.length === 0 && this.#streams.size >= this.limits.streams) {
      throw new Problem(
        503,
        'too-many-streams',
        `the witness holds its limit of ${this.limits.streams} streams; archive its files and start it anew`,
      );
    }
    const forget = this.#remember(key);
    await this.#registry!.append(key).catch((error: unknown) => {
      forget();
      throw error;
    });
  }

  /** Takes a checkpoint of a registered stream whose signature was verified. Throws Problem 409 where it contradicts an earlier one. */
  async advance(checkpoint: WitnessedCheckpoint): Promise<void> {
    const known = this.#streams.get(checkpoint.stream)!;
    const before = known.checkpoint;
    if (before && !follows(before, checkpoint)) return;
    known.checkpoint = checkpoint;
    await this.#checkpoints!.append(checkpoint).catch((error: unknown) => {
      if (known.checkpoint === checkpoint) restore(known, before);
      throw error;
    });
  }

  async close(): Promise<void> {
    await Promise.all([this.#registry!.close(), this.#checkpoints!.close()]);
  }

  /** Returns what takes it back. */
  #remember(key: RegisteredKey): () => void {
    const known: Known = this.#streams.get(key.stream) ?? { keys: [] };
    known.keys.push(key);
    this.#streams.set(key.stream, known);
    return () => {
      known.keys = known.keys.filter((each) => each !== key);
      if (known.keys.length === 0) this.#streams.delete(key.stream);
    };
  }

  #load(line: WitnessedCheckpoint): void {
    const known: Known = this.#streams.get(line.stream) ?? { keys: [] };
    if (line.size > (known.checkpoint?.size ?? 0)) known.checkpoint = line;
    this.#streams.set(line.stream, known);
  }
}

/** False where the checkpoint says the same again. Throws Problem 409 where both cannot be true. */
function follows(before: WitnessedCheckpoint, checkpoint: WitnessedCheckpoint): boolean {
  if (checkpoint.size > before.size) return true;
  if (checkpoint.size < before.size) {
    throw new Problem(409, 'shrunk', `the stream held ${before.size} events before and cannot hold ${checkpoint.size} now`);
  }
  if (checkpoint.root !== before.root) throw new Problem(409, 'fork', `the stream of ${before.size} events has two histories`);
  return false;
}

function restore(known: Known, before: WitnessedCheckpoint | undefined): void {
  if (before) known.checkpoint = before;
  else delete known.checkpoint;
}
