/** Messages sent to the server whose answers are still to come, in order: the protocol answers strictly first in, first out. */
export const Kind = {
  None: 0,
  Query: 1,
  Parse: 2,
  Bind: 3,
  Close: 4,
  DescribeStatement: 5,
  DescribePortal: 6,
  Execute: 7,
  Sync: 8,
  Function: 9,
  /** A message in the place of a refused one, sure to fail; its error is replaced by ours. */
  Refused: 10,
  /** Ours: a simple query, its whole answer is swallowed. */
  OwnQuery: 11,
  /** Ours: Parse, Close and the like. */
  Own: 12,
  /** Ours: Describe; the answer is read and swallowed. */
  OwnDescribe: 13,
  OwnSync: 14,
} as const;
export type Kind = (typeof Kind)[keyof typeof Kind];

export class PendingAnswers<Item> {
  private kinds: Kind[] = [];
  private items: (Item | undefined)[] = [];
  private head = 0;
  /** Number of the next answer, counted over the session. */
  headSequence = 0;

  get size(): number {
    return this.kinds.length - this.head;
  }

  /** Number that the next push gets. */
  get nextSequence(): number {
    return this.headSequence + this.size;
  }

  get kind(): Kind {
    return this.kinds[this.head] ?? Kind.None;
  }

  get item(): Item | undefined {
    return this.items[this.head];
  }

  push(kind: Kind, item?: Item): void {
    this.kinds.push(kind);
    this.items.push(item);
  }

  shift(): void {
    this.items[this.head] = undefined;
    this.head++;
    this.headSequence++;
    if (this.head === this.kinds.length) {
      this.kinds.length = 0;
      this.items.length = 0;
      this.head = 0;
    } else if (this.head > 1024 && this.head * 2 > this.kinds.length) {
      this.kinds = this.kinds.slice(this.head);
      this.items = this.items.slice(this.head);
      this.head = 0;
    }
  }

  /** Syncs that a server in copy-in mode ignored (protocol, "COPY Operations"). */
  dropSyncsAfterHead(): void {
    for (let index = this.kinds.length - 1; index > this.head; index--) {
      if (this.kinds[index] !== Kind.Sync) continue;
      this.kinds.splice(index, 1);
      this.items.splice(index, 1);
    }
  }
}
