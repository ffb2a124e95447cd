/** The agent's leg: requests read one piece at a time, held back while an answer of ours waits for its turn. */
import type { Wire } from '../protocol.js';
import type { RequestBody } from './decided.js';
import { BODY, MORE, MessageReader } from './frame.js';
import { HttpSyntaxError, RequestHead } from './head.js';
import { HEAD_TIMEOUT_MS, MAX_DRAINED_BYTES } from './limits.js';

export interface AgentLegEvents {
  head: (head: RequestHead, raw: Buffer) => void;
  body: () => void;
  malformed: (error: HttpSyntaxError) => void;
  /** A head that was begun did not end in time (slow-loris). */
  late: () => void;
  /** All that can be read now was read. */
  idle: () => void;
}

export class AgentLeg {
  readonly requests = new MessageReader((raw) => new RequestHead(raw));
  /** A request waits for approval, delivery or the target: nothing is read until it went on. */
  waiting = false;
  /** The session speaks HTTP no more. */
  over = false;
  #held = false;
  #running = false;
  #parked: (() => void) | undefined;
  /** Number of the head that the deadline stands for; 0 without one. */
  #timed = 0;
  #heads = 0;

  constructor(
    private readonly wire: Wire,
    /** Exchanges that were forwarded and are not complete. */
    private readonly open: readonly unknown[],
    private readonly events: AgentLegEvents,
  ) {}

  get held(): boolean {
    return this.#held;
  }

  feed(chunk: Buffer): void {
    this.requests.feed(chunk);
    this.#run();
  }

  hold(): void {
    if (this.#held) return;
    this.#held = true;
    this.wire.pauseAgent();
  }

  /** Reads on, unless something else holds. */
  release(): void {
    if (!this.#held || this.waiting || this.#parked) return;
    this.#held = false;
    this.wire.resumeAgent();
    this.#run();
  }

  /** Runs `step` when all that was forwarded is answered; at once where nothing is open. */
  inTurn(step: () => void): void {
    if (this.open.length === 0) return step();
    this.park(step);
  }

  /** Holds until the open exchanges are complete, then runs `step`. */
  park(step: () => void): void {
    this.hold();
    this.#parked = step;
  }

  /** The open exchanges are complete. Whether a step was waiting for that. */
  unpark(): boolean {
    const step = this.#parked;
    this.#parked = undefined;
    step?.();
    return step !== undefined;
  }

  /** The body as far as it lies in the chunk of the head: a small request is then recorded and forwarded whole. */
  readAhead(): RequestBody | undefined {
    const { requests } = this;
    if (requests.done) return undefined;
    if (requests.head.expectContinue || requests.read() !== BODY) return { raw: [], parts: [], trailers: undefined, done: false };
    const { raw, parts, trailers, done } = requests;
    return { raw: [raw], parts, trailers, done };
  }

  /** Stops reading for good; what the agent still sends is let in, so that its end is seen. */
  end(): void {
    this.over = true;
    this.#parked = undefined;
    if (this.#held) this.wire.resumeAgent();
    this.#held = false;
  }

  #run(): void {
    if (this.#running) return;
    this.#running = true;
    try {
      while (!this.#held && !this.over) {
        const piece = this.requests.read();
        if (piece === MORE) break;
        if (piece === BODY) this.events.body();
        else {
          this.#heads++;
          this.events.head(this.requests.head, this.requests.raw);
        }
      }
    } catch (error) {
      if (!(error instanceof HttpSyntaxError)) throw error;
      this.events.malformed(error);
    } finally {
      this.#running = false;
    }
    if (this.over) return;
    this.#time();
    this.events.idle();
  }

  #time(): void {
    const timed = this.requests.inHead ? this.#heads + 1 : 0;
    if (timed === this.#timed) return;
    this.#timed = timed;
    this.wire.deadline(timed > 0 ? { after: HEAD_TIMEOUT_MS, expired: () => this.events.late() } : undefined);
  }
}

/** Whether the connection ends rather than to read what is left of a refused request. */
export function tooMuchToRead(head: RequestHead): boolean {
  return head.expectContinue || head.chunked || head.length > MAX_DRAINED_BYTES;
}
