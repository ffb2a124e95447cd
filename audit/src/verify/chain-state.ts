/** One stream's chain while it is read: what comes next, what is missing, and which event to blame when links do not fit. */
import { GENESIS } from '../chain.js';
import type { Where } from './report.js';
import { HashWindow } from './hash-window.js';

/** Events that were passed over and have not come since. */
export interface Hole {
  from: number;
  to: number;
  /** What the first may be chained to; empty where unknown. */
  before: readonly string[];
  /** Hash that the last must have, where known. */
  after: string | undefined;
  /** Where the event behind it stands. */
  where: Where;
}

export interface Placed {
  seq: number;
  id: string | undefined;
  where: Where;
}

/** How an event that holds in itself fits the chain. `blames` are events that it shows to be altered. */
export type Fit = { as: 'next' | 'late'; blames: Placed[] } | { as: 'duplicate' } | { as: 'conflict' } | { as: 'too-old' };

export class ChainState {
  next = 0;
  /** Hashes that the next event may be chained to: several, or none (any), after one that was altered. */
  heads: readonly string[] = [GENESIS];
  holes: Hole[] = [];
  readonly window = new HashWindow();
  /** Seqs that a finding names. */
  readonly blamed = new Set<number>();
  #last: Placed | undefined;

  /** An event whose own hash holds. */
  accept(placed: Placed, prev: string, hash: string): Fit {
    if (placed.seq < this.next) return this.#acceptEarlier(placed, prev, hash);
    let blames: Placed[] = [];
    if (placed.seq > this.next) this.#pass(placed, prev);
    else blames = this.#checkLink(prev);
    this.#advance(placed, [hash], hash);
    return { as: 'next', blames };
  }

  /** An event that was altered, at the place it must have had. `heads`: what its hash may have been. */
  acceptAltered(placed: Placed, heads: readonly string[]): void {
    this.blamed.add(placed.seq);
    if (placed.seq < this.next) {
      const hole = this.holes.find(({ from, to }) => from <= placed.seq && placed.seq <= to);
      if (hole) this.#fill(hole, placed.seq, [], undefined);
      return;
    }
    if (placed.seq > this.next) this.#pass(placed, undefined);
    this.#advance(placed, heads, undefined);
  }

  #advance(placed: Placed, heads: readonly string[], hash: string | undefined): void {
    this.window.set(placed.seq, hash);
    this.next = placed.seq + 1;
    this.heads = heads;
    this.#last = placed;
  }

  #pass(placed: Placed, prev: string | undefined): void {
    this.holes.push({ from: this.next, to: placed.seq - 1, before: this.heads, after: prev, where: placed.where });
  }

  /** Where an event is chained to other content than the one before it has, the one before was altered: its own hash holds, so it was rehashed. */
  #checkLink(prev: string): Placed[] {
    if (this.heads.length === 0 || this.heads.includes(prev)) return [];
    const before = this.#last ?? { seq: 0, id: undefined, where: 0 };
    return this.blamed.has(before.seq) ? [] : [before];
  }

  #acceptEarlier(placed: Placed, prev: string, hash: string): Fit {
    const hole = this.holes.find(({ from, to }) => from <= placed.seq && placed.seq <= to);
    if (hole) return { as: 'late', blames: this.#acceptLate(hole, placed, prev, hash) };
    const known = this.window.get(placed.seq);
    if (known === hash || this.blamed.has(placed.seq)) return { as: 'duplicate' };
    return { as: this.window.covers(placed.seq) ? 'conflict' : 'too-old' };
  }

  #acceptLate(hole: Hole, placed: Placed, prev: string, hash: string): Placed[] {
    const blames: Placed[] = [];
    if (placed.seq === hole.to && hole.after !== undefined && hole.after !== hash) blames.push(placed);
    if (placed.seq === hole.from && hole.before.length > 0 && !hole.before.includes(prev)) {
      blames.push({ seq: placed.seq - 1, id: undefined, where: placed.where });
    }
    this.window.set(placed.seq, hash);
    this.#fill(hole, placed.seq, [hash], prev);
    return blames.filter(({ seq }) => !this.blamed.has(seq));
  }

  /** Takes `seq` out of a hole; what is left of it on either side is chained to what came. */
  #fill(hole: Hole, seq: number, heads: readonly string[], prev: string | undefined): void {
    const left = { ...hole, to: seq - 1, after: prev };
    const right = { ...hole, from: seq + 1, before: heads };
    this.holes.splice(this.holes.indexOf(hole), 1, ...[left, right].filter(({ from, to }) => from <= to));
  }
}
