import type { PodReference } from '@cairn/identity';
import { Problem } from '../http/problem.js';
import { STREAMS_COUNT } from '../limits.js';
import { Journal } from '../state/journal.js';

/** A line of witness.jsonl when a stream is registered. */
export interface WitnessedStream {
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

/** A line of witness.jsonl for a checkpoint that was seen: the stream held `size` events whose head hashed to `root`. */
export interface WitnessedCheckpoint {
  stream: string;
  size: number;
  /** Hex. */
  root: string;
  /** RFC 3339. */
  time: string;
}

interface Known {
  stream: WitnessedStream;
  checkpoint?: WitnessedCheckpoint;
}

type Line = WitnessedStream | WitnessedCheckpoint;

/**
 * Remembers, apart from the evidence itself, which streams exist and how long they have grown: so a deleted tail and a
 * deleted stream show, and a second history of the same stream is refused.
 */
export class Witness {
  readonly #streams = new Map<string, Known>();
  #journal: Journal<Line> | undefined;

  static async open(file: string): Promise<Witness> {
    const witness = new Witness();
    witness.#journal = await Journal.open<Line>(
      file,
      (line) => witness.#load(line),
      () => witness.lines(),
    );
    return witness;
  }

  /** Each stream's registration, followed by its largest checkpoint. */
  *lines(): Generator<Line> {
    for (const { stream, checkpoint } of this.#streams.values()) {
      yield stream;
      if (checkpoint) yield checkpoint;
    }
  }

  stream(id: string): WitnessedStream | undefined {
    return this.#streams.get(id)?.stream;
  }

  checkpoint(id: string): WitnessedCheckpoint | undefined {
    return this.#streams.get(id)?.checkpoint;
  }

  async register(stream: WitnessedStream): Promise<void> {
    if (this.#streams.has(stream.stream)) throw new Problem(409, 'stream-exists', 'the stream is registered already, with another key');
    if (this.#streams.size >= STREAMS_COUNT)
      throw new Problem(503, 'too-many-streams', `the witness holds its limit of ${STREAMS_COUNT} streams; archive witness.jsonl`);
    this.#streams.set(stream.stream, { stream });
    await this.#journal!.append(stream).catch((error: unknown) => {
      this.#streams.delete(stream.stream);
      throw error;
    });
  }

  /** Takes a checkpoint of a registered stream whose signature was verified. Throws Problem 409 where it contradicts an earlier one. */
  async advance(checkpoint: WitnessedCheckpoint): Promise<void> {
    const known = this.#streams.get(checkpoint.stream)!;
    const before = known.checkpoint;
    if (before && !follows(before, checkpoint)) return;
    known.checkpoint = checkpoint;
    await this.#journal!.append(checkpoint).catch((error: unknown) => {
      if (known.checkpoint === checkpoint) restore(known, before);
      throw error;
    });
  }

  async close(): Promise<void> {
    await this.#journal!.close();
  }

  #load(line: Line): void {
    if ('certificate' in line) {
      this.#streams.set(line.stream, { stream: line });
      return;
    }
    const known = this.#streams.get(line.stream);
    if (known && line.size > (known.checkpoint?.size ?? 0)) known.checkpoint = line;
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
