/**
 * One turn of the event loop: sessions append evidence and hand over bytes; at the turn's end the evidence is written
 * with one write, and only then are the bytes given to the sockets. This is where "intent before action" is kept.
 */
import { EvidenceError, type StreamWriter } from '@cairn/audit';

export interface TurnMember {
  /** Evidence is written: hand the queued bytes to the sockets. */
  send(): void;
  /** Evidence could not be written: drop the queued bytes and tell the session. */
  evidenceFailed(error: EvidenceError): void;
}

export class Turn {
  #members: TurnMember[] = [];
  #callbacks: (() => void)[] = [];
  #scheduled = false;
  /** Flushes that held, as a number to compare. */
  flushes = 0;

  constructor(private readonly stream: Pick<StreamWriter, 'flush'>) {}

  /** Takes a member into this turn; it joins once, which it keeps track of itself. */
  join(member: TurnMember): void {
    this.#members.push(member);
    this.#schedule();
  }

  /** Runs after this turn's evidence was written and its bytes sent; not at all when the write failed. */
  after(callback: () => void): void {
    this.#callbacks.push(callback);
    this.#schedule();
  }

  /** Evidence was appended: it is flushed at this turn's end even if nothing is sent. */
  touch(): void {
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(this.#run);
  }

  readonly #run = (): void => {
    this.#scheduled = false;
    const members = this.#members;
    const callbacks = this.#callbacks;
    this.#members = [];
    if (callbacks.length > 0) this.#callbacks = [];
    try {
      this.stream.flush();
      this.flushes += 1;
    } catch (error) {
      const failure = error instanceof EvidenceError ? error : new EvidenceError('io', 'evidence could not be written', { cause: error });
      for (const member of members) member.evidenceFailed(failure);
      return;
    }
    for (const member of members) member.send();
    for (const callback of callbacks) callback();
  };
}
