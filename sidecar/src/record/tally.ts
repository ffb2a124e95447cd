/** Exchanges counted as plain numbers, which a metric reads when it is asked: labels cost too much to look up for every exchange. */
import type { Action } from '@cairn/crds';

export type ExchangeCounts = Record<Action | 'completed', number>;

export class Tally {
  readonly #counts = new Map<string, ExchangeCounts>();

  /** The counts of one protocol; the caller adds to them. */
  of(protocol: string): ExchangeCounts {
    let counts = this.#counts.get(protocol);
    if (!counts) {
      counts = { Allow: 0, Deny: 0, RequireApproval: 0, completed: 0 };
      this.#counts.set(protocol, counts);
    }
    return counts;
  }

  entries(): Iterable<[protocol: string, counts: ExchangeCounts]> {
    return this.#counts;
  }
}
