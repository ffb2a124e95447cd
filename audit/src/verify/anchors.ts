/** Checkpoints of one stream, signed or witnessed, held against its chain. */
import { CheckpointError, readCheckpoint, verifyCheckpoint, type Checkpoint } from '../checkpoint/checkpoint.js';
import { MAX_WAITING_CHECKPOINTS } from '../limits.js';
import type { ChainState, Placed } from './chain-state.js';
import type { Finding } from './report.js';

/** A line of a witness's log: what it saw of a stream, kept apart from the evidence. Further members are ignored. */
export interface WitnessEntry {
  stream: string;
  size: number;
  /** Hex hash of the event with seq size - 1. */
  root: string;
  time: string;
}

interface Anchor {
  checkpoint: Checkpoint;
  /** Absent for what a witness saw. */
  note?: string | undefined;
  /** Hash of the chain at its size, where it was known before the key was. */
  actual?: string | undefined;
}

interface StreamKey {
  /** Seq of the event that names it. */
  from: number;
  /** base64url of 32 raw bytes. */
  x: string;
}

type Told = Omit<Finding, 'stream'>;

export class Anchors {
  /** Events that a checkpoint of the stream's key covers. */
  covered = 0;
  /** Largest size that a witness saw and that holds. */
  witnessed = 0;
  readonly keys: StreamKey[] = [];
  readonly #chain: ChainState;
  /** By size, ascending: their events have not all come. */
  #waiting: Anchor[] = [];
  /** Events have come, and the key or the last event has not; by size. */
  readonly #postponed = new Map<number, Anchor[]>();
  /** Events since the last checkpoint that holds, the first ones. */
  #uncovered: Placed[] = [];
  /** A rebuilt chain does not fit any later checkpoint either: it is told once. */
  #forged = false;

  constructor(chain: ChainState) {
    this.#chain = chain;
  }

  witness(entry: WitnessEntry): void {
    this.#wait({ checkpoint: entry });
  }

  /** A note as it was read. */
  note(note: string): Told[] {
    try {
      this.#wait({ checkpoint: readCheckpoint(note), note });
    } catch (error) {
      if (!(error instanceof CheckpointError)) throw error;
      return [{ kind: 'altered', sentence: error.message }];
    }
    return this.settle();
  }

  addKey(key: StreamKey): Told[] {
    this.keys.push(key);
    const anchors = [...this.#postponed.values()].flat();
    this.#postponed.clear();
    return anchors.flatMap((anchor) => this.#hold(anchor, anchor.actual));
  }

  /** To be called for each event that holds, after the chain took it. */
  passed(placed: Placed): Told[] {
    if (placed.seq >= this.covered && this.#uncovered.length < MAX_WAITING_CHECKPOINTS) this.#uncovered.push(placed);
    const late = this.#postponed.get(placed.seq + 1);
    if (!late) return this.#waiting.length > 0 ? this.settle() : [];
    this.#postponed.delete(placed.seq + 1);
    return late.flatMap((anchor) => this.#hold(anchor, this.#chain.window.get(placed.seq)));
  }

  /** Holds what waits against what has come. */
  settle(): Told[] {
    const told: Told[] = [];
    for (let first = this.#waiting[0]; first && first.checkpoint.size <= this.#chain.next; first = this.#waiting[0]) {
      const { size, root } = first.checkpoint;
      // The newest event may still turn out to be an altered one, by what the next is chained to.
      if (size === this.#chain.next && !this.#chain.heads.includes(root)) break;
      this.#waiting.shift();
      told.push(...this.#hold(first, size === this.#chain.next ? root : this.#chain.window.get(size - 1)));
    }
    return told;
  }

  /** What can be said now that nothing more comes, without forgetting what waits. */
  conclude(): { told: Told[]; promised: Checkpoint | undefined } {
    const told: Told[] = [];
    let promised: Checkpoint | undefined;
    for (const { checkpoint, note } of this.#waiting) {
      if (note !== undefined && this.keys.length > 0 && !this.#isSigned(checkpoint, note)) told.push(...this.#unsigned(checkpoint));
      else if (checkpoint.size > this.#chain.next) promised = checkpoint;
      else if (!this.#isExplained(checkpoint)) told.push(this.#mismatch({ checkpoint, note }));
    }
    return { told, promised };
  }

  #wait(anchor: Anchor): void {
    const { size } = anchor.checkpoint;
    let at = this.#waiting.length;
    while (at > 0 && this.#waiting[at - 1]!.checkpoint.size > size) at -= 1;
    this.#waiting.splice(at, 0, anchor);
    if (anchor.note === undefined || this.#waiting.length <= MAX_WAITING_CHECKPOINTS) return;
    const smallest = this.#waiting.findIndex(({ note }) => note !== undefined);
    this.#waiting.splice(smallest, 1);
  }

  #hold(anchor: Anchor, actual: string | undefined): Told[] {
    const { checkpoint, note } = anchor;
    if (actual === undefined || (note !== undefined && this.keys.length === 0)) {
      const { size } = checkpoint;
      if (this.#postponed.size < MAX_WAITING_CHECKPOINTS) {
        this.#postponed.set(size, [...(this.#postponed.get(size) ?? []), { ...anchor, actual }]);
      }
      return [];
    }
    if (note !== undefined && !this.#isSigned(checkpoint, note)) return this.#unsigned(checkpoint);
    if (actual === checkpoint.root) {
      this.#cover(anchor);
      return [];
    }
    if (this.#forged || this.#isExplained(checkpoint)) return [];
    this.#forged = true;
    return [this.#mismatch(anchor)];
  }

  #cover({ checkpoint: { size }, note }: Anchor): void {
    if (note === undefined) this.witnessed = Math.max(this.witnessed, size);
    else {
      this.covered = Math.max(this.covered, size);
      this.#uncovered = this.#uncovered.filter(({ seq }) => seq >= this.covered);
    }
    this.#forged = false;
  }

  #isExplained({ size }: Checkpoint): boolean {
    return this.#chain.blamed.has(size - 1);
  }

  /** The old key still signs the checkpoint whose last event names the new one. */
  #isSigned({ size }: Checkpoint, note: string): boolean {
    const key = this.keys.findLast(({ from }) => from === 0 || from <= size - 2);
    try {
      return key !== undefined && verifyCheckpoint(note, key.x) !== undefined;
    } catch (error) {
      if (error instanceof CheckpointError) return false;
      throw error;
    }
  }

  #unsigned({ size }: Checkpoint): Told[] {
    // An event that was altered or is missing may have been the one that named another key.
    const { blamed, holes } = this.#chain;
    if ([...blamed].some((seq) => seq >= this.covered) || holes.some(({ to }) => to >= this.covered)) return [];
    const sentence = `the checkpoint over ${size} events is not signed by the key that the stream's certificate names`;
    return [{ kind: 'forged', ...this.#firstUncovered(), sentence }];
  }

  #mismatch({ checkpoint: { size, time }, note }: Anchor): Told {
    const who = note === undefined ? 'the witness saw' : "the stream's key signed";
    return {
      kind: 'forged',
      ...this.#firstUncovered(),
      sentence: `the chain is not the one that ${who}: its first ${size} events have another hash than the checkpoint of ${time}`,
    };
  }

  #firstUncovered(): Pick<Told, 'seq' | 'event' | 'where'> {
    const first = this.#uncovered[0];
    return first?.seq === this.covered ? { seq: first.seq, event: first.id, where: first.where } : { seq: this.covered };
  }
}
