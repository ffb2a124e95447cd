import { join } from 'node:path';
import { Problem } from '../http/problem.js';
import { STREAM_KEYS_COUNT, STREAMS_COUNT } from '../limits.js';
import type { RegisteredKey, Witness, WitnessedCheckpoint } from '../stores.js';
import { follows } from '../evidence/follows.js';
import { Journal } from './journal.js';

interface Known {
  /** Oldest first. */
  keys: RegisteredKey[];
  checkpoint?: WitnessedCheckpoint;
}

/** On disk. */
export class FileWitness implements Witness {
  readonly #streams = new Map<string, Known>();
  #registry: Journal<RegisteredKey> | undefined;
  #checkpoints: Journal<WitnessedCheckpoint> | undefined;

  private constructor(readonly limits: { streams: number; keys: number }) {}

  /** Superseded checkpoints are dropped at opening: the largest size and its root say all that the earlier ones did. */
  static async open(folder: string, limits = { streams: STREAMS_COUNT, keys: STREAM_KEYS_COUNT }): Promise<FileWitness> {
    const witness = new FileWitness(limits);
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

  keys(stream: string): Promise<readonly RegisteredKey[]> {
    return Promise.resolve(this.#keys(stream));
  }

  #keys(stream: string): readonly RegisteredKey[] {
    return this.#streams.get(stream)?.keys ?? [];
  }

  async register(key: RegisteredKey): Promise<void> {
    const keys = this.#keys(key.stream);
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

  /** A folder keeps no state of a stream: its last event is in the evidence. */
  finish(): Promise<void> {
    return Promise.resolve();
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

function restore(known: Known, before: WitnessedCheckpoint | undefined): void {
  if (before) known.checkpoint = before;
  else delete known.checkpoint;
}
