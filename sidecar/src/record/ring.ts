/** Events of BestEffort exchanges that cannot be written now: held up to a limit, the oldest dropped and told as a gap. */
import type { SpoolStreamWriter } from '@cairn/audit';
import { RING_BYTES, RING_EVENTS, RING_POLL_MS } from './limits.js';

interface HeldEvent {
  head: string;
  tail: string;
  bytes: number;
}

export class EvidenceRing {
  #held: HeldEvent[] = [];
  #bytes = 0;
  #dropped = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly stream: Pick<SpoolStreamWriter, 'append' | 'gap' | 'refusing'>,
    /** Has what was appended flushed. */
    private readonly touch: () => void,
    private readonly limits = { events: RING_EVENTS, bytes: RING_BYTES },
  ) {}

  /** Whether events go through here: none may overtake those that wait. */
  get holding(): boolean {
    return this.stream.refusing !== undefined || this.#held.length > 0 || this.#dropped > 0;
  }

  add(head: string, tail: string): void {
    const bytes = Buffer.byteLength(head) + Buffer.byteLength(tail);
    this.#held.push({ head, tail, bytes });
    this.#bytes += bytes;
    while (this.#held.length > this.limits.events || this.#bytes > this.limits.bytes) {
      this.#bytes -= this.#held.shift()!.bytes;
      this.#dropped += 1;
    }
    this.#timer ??= setInterval(() => this.drain(), RING_POLL_MS).unref();
  }

  /** Into the stream with all of it, if that takes events again; first what is missing, which was older. */
  drain(): void {
    if (this.stream.refusing) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    const held = this.#held;
    const dropped = this.#dropped;
    this.#held = [];
    this.#bytes = 0;
    this.#dropped = 0;
    if (dropped > 0) this.stream.gap(dropped, 'best-effort');
    for (const { head, tail } of held) this.stream.append(head, tail);
    if (dropped + held.length > 0) this.touch();
  }
}
