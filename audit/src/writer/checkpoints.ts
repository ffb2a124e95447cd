/** When a stream is checkpointed: after so many events, so long after the first that no checkpoint covers, and when asked. */
import { formatCheckpoint, type NoteSigner } from '../checkpoint/checkpoint.js';
import { CHECKPOINT_EVENTS, CHECKPOINT_MILLISECONDS } from '../limits.js';

export interface StreamHead {
  /** Events. */
  size: number;
  /** Hash of the last one. */
  root: string;
}

export class Checkpoints {
  /** Events that the last one covers. */
  #covered = 0;
  /** A note that is written and not yet known to be on disk; `end` is where it ends in the stream's bytes. */
  #written: { text: string; end: number } | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly stream: string,
    private readonly now: () => string,
    /** Asks for a flush with a checkpoint. */
    private readonly ask: () => void,
    /** Told each note once it is on disk. */
    private readonly onDisk: ((note: string) => void) | undefined,
  ) {}

  /** Whether one is due at this size. */
  due(size: number, asked: boolean): boolean {
    return size - this.#covered >= CHECKPOINT_EVENTS || (asked && size > this.#covered);
  }

  sign(head: StreamHead, signer: NoteSigner): string {
    return formatCheckpoint({ stream: this.stream, ...head, time: this.now() }, signer);
  }

  /** A batch was written: with this note, which ends at `end`, or without. */
  written(note: string | undefined, size: number, end: number): void {
    if (note === undefined) {
      this.#timer ??= setTimeout(() => this.#asked(), CHECKPOINT_MILLISECONDS).unref();
      return;
    }
    this.#covered = size;
    this.#written = { text: note, end };
    this.stop();
  }

  /** The stream is on disk up to `end`. */
  synced(end: number): void {
    if (!this.#written || this.#written.end > end) return;
    const { text } = this.#written;
    this.#written = undefined;
    this.onDisk?.(text);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #asked(): void {
    this.#timer = undefined;
    this.ask();
  }
}
