/** The target's leg: responses matched to the exchanges that wait for them, forwarded as they are or masked. */
import type { HttpContext } from './dialect.js';
import { BODY, MORE, MessageReader, adjoin } from './frame.js';
import { HttpSyntaxError, ResponseHead } from './head.js';
import { MaskedResponse, maskHead } from './masked-response.js';
import { type OpenExchange, bodyOf, keepsResponse } from './open-exchange.js';
import { unmaskable } from './problem.js';

export interface ResponseEvents {
  /** An exchange is complete and was taken from the list. */
  completed: (exchange: OpenExchange) => void;
  /** The target broke the protocol or the connection. */
  broke: (reason: string) => void;
  /** 101: the connection is a tunnel now; `rest` came behind the head. */
  switched: (exchange: OpenExchange, head: ResponseHead, rest: Buffer[]) => void;
}

export class Responses {
  #reader = new MessageReader((raw) => new ResponseHead(raw));
  /** A masked response is still on its way: later bytes wait. */
  #held = false;
  #untilClose = false;
  /** A head whose body may lie right behind it: both are then sent as the one piece that they are. */
  #pendingHead: Buffer | undefined;
  #over = false;

  constructor(
    private readonly context: HttpContext,
    /** Exchanges that were forwarded, oldest first. */
    private readonly open: OpenExchange[],
    private readonly events: ResponseEvents,
  ) {}

  /** Bytes copied, searched or walked one by one so far. */
  get work(): number {
    return this.#reader.work;
  }

  data(chunk: Buffer): void {
    this.#reader.feed(chunk);
    this.#run();
  }

  /** The target sends no more. True where that ends the response that is coming, or where it will end by itself. */
  end(): boolean {
    if (this.#held) return true;
    const open = this.open[0];
    if (!this.#untilClose || !open) return false;
    this.#untilClose = false;
    this.#finished(open);
    return true;
  }

  /** What comes next is another connection's: what the former one began is not continued. */
  restart(): void {
    this.#reader = new MessageReader((raw) => new ResponseHead(raw));
  }

  /** Both halves are over: records the outcome. */
  complete(open: OpenExchange): void {
    open.complete();
    this.open.shift();
    this.events.completed(open);
  }

  #run(): void {
    try {
      while (!this.#held && !this.#over) {
        const piece = this.#reader.read();
        if (piece === MORE) return this.#flush();
        const open = this.open[0];
        if (!open || open.responseDone) return this.#broke('the target sent an answer that nobody asked for');
        if (piece === BODY) this.#body(open);
        else this.#head(open, this.#reader.head, this.#reader.raw);
      }
    } catch (error) {
      this.#flush();
      if (!(error instanceof HttpSyntaxError)) throw error;
      this.#broke(`the target's answer is malformed: ${error.message}`);
    }
  }

  #flush(): void {
    if (this.#pendingHead) this.context.wire.toAgent(this.#pendingHead);
    this.#pendingHead = undefined;
  }

  #broke(reason: string): void {
    this.#over = true;
    this.events.broke(reason);
  }

  #head(open: OpenExchange, head: ResponseHead, raw: Buffer): void {
    const { wire } = this.context;
    if (head.status === 101) return this.#switch(open, head, raw);
    if (head.status < 200) {
      this.#reader.body('none');
      const forUs = head.status === 100 && open.continued;
      if (!forUs && open.head.minor === 1) wire.toAgent(open.masker ? maskHead(head, '', open.masker, open.counts) : raw);
      return;
    }
    const bodiless = open.head.method === 'HEAD' || head.status === 204 || head.status === 304; // RFC 9112 6.3
    const framing = bodiless ? 'none' : head.chunked ? 'chunked' : head.length >= 0 ? 'length' : 'close';
    this.#reader.body(framing, head.length);
    this.#untilClose = framing === 'close';
    open.status = String(head.status);
    open.last ||= head.last || this.#untilClose;
    open.result = this.context.dialect.result(open.operation, head);
    if (open.masker && !this.#reader.done) return this.#mask(open, head);
    open.answered = true;
    if (!open.masker) {
      if (this.#reader.done) wire.toAgent(raw);
      else this.#pendingHead = raw;
    } else wire.toAgent(maskHead(head, bodiless ? '' : 'Content-Length: 0\r\n', open.masker, open.counts));
    if (this.#reader.done) return this.#finished(open);
    open.response = this.#capture(open, head);
  }

  #capture(open: OpenExchange, head: ResponseHead): NonNullable<OpenExchange['response']> {
    return bodyOf(this.context.record, keepsResponse(open.verdict), this.context.target.capture.maxBytes, head);
  }

  #mask(open: OpenExchange, head: ResponseHead): void {
    const masker = open.masker!;
    const how = this.context.dialect.maskable(head, masker, open.operation);
    if (typeof how === 'string') return this.#withhold(open, how);
    const capture = this.#capture(open, head);
    open.response = capture;
    open.masked = new MaskedResponse(
      { head, how, masker, counts: open.counts, capture, chunks: open.head.minor === 1 },
      {
        toAgent: (bytes) => {
          open.answered = true;
          this.context.wire.toAgent(bytes);
        },
        pause: (paused) => (paused ? this.context.wire.pauseTarget() : this.context.wire.resumeTarget()),
        done: () => this.#maskedDone(open),
        failed: (reason, begun) => this.#maskFailed(open, reason, begun),
      },
    );
    if (open.head.minor === 0) open.last = true;
    open.masked.begin();
  }

  #maskFailed(open: OpenExchange, reason: string, begun: boolean): void {
    if (!begun) return this.#withhold(open, reason);
    this.#over = true;
    open.error = `withheld: ${reason}`;
    this.context.wire.destroy('a response could not be masked');
  }

  /** Fails closed: nothing of this answer passes, and the connection ends so that its rest need not be read. */
  #withhold(open: OpenExchange, reason: string): void {
    this.#over = true;
    const problem = unmaskable(open.verdict, reason, open.exchange.id);
    open.answered = true;
    open.last = true;
    open.status = String(problem.status);
    open.error = `withheld: ${reason}`;
    this.context.wire.toAgent(this.context.dialect.answer(problem, { close: true, bodiless: false }));
    this.complete(open);
  }

  #body(open: OpenExchange): void {
    const { raw, parts, trailers, done } = this.#reader;
    if (open.result) for (const part of parts) open.result.write(part);
    if (open.masked) {
      for (const part of parts) open.masked.write(part);
      if (!done || this.#over) return;
      this.#held = true;
      open.masked.end();
      return;
    }
    for (const part of parts) open.response!.add(part);
    const together = this.#pendingHead && adjoin(this.#pendingHead, raw);
    if (together) this.#pendingHead = undefined;
    else this.#flush();
    if (raw.length > 0) this.context.wire.toAgent(together ?? raw);
    if (!done) return;
    if (trailers !== undefined) this.context.wire.toAgent(Buffer.from(trailers, 'latin1'));
    this.#finished(open);
  }

  #maskedDone(open: OpenExchange): void {
    if (this.#over || this.open[0] !== open) return;
    const resumes = this.#held;
    this.#held = false;
    this.#responded(open);
    if (resumes) this.#run();
  }

  #finished(open: OpenExchange): void {
    if (!open.masked) return this.#responded(open);
    this.#held = true;
    open.masked.end();
  }

  #responded(open: OpenExchange): void {
    open.responseDone = true;
    if (open.requestDone || open.last) this.complete(open);
  }

  #switch(open: OpenExchange, head: ResponseHead, raw: Buffer): void {
    if (open.upgrade === undefined || !open.requestDone) return this.#broke('the target switched protocols without being asked');
    open.status = '101';
    open.answered = true;
    this.context.wire.toAgent(raw);
    this.events.switched(open, head, this.#reader.rest());
  }
}
