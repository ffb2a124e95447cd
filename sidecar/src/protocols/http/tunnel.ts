/** What follows 101 Switching Protocols: bytes both ways, counted, hashed and kept up to the cap, in one exchange. */
import type { BodyCapture } from '../../record/exchange.js';
import type { SessionContext } from '../protocol.js';
import { type OpenExchange, keepsRequest, keepsResponse } from './open-exchange.js';

export class Tunnel {
  readonly #request: BodyCapture;
  readonly #response: BodyCapture;
  #agentEnded = false;
  #targetEnded = false;
  #complete = false;

  constructor(
    private readonly context: SessionContext,
    private readonly open: OpenExchange,
  ) {
    const { record, target } = context;
    const options = { maxBytes: target.capture.maxBytes, type: 'application/octet-stream' };
    this.#request = open.request = record.body({ ...options, keep: keepsRequest(open.verdict) });
    this.#response = open.response = record.body({ ...options, keep: keepsResponse(open.verdict) });
  }

  agentData(chunk: Buffer): void {
    this.#request.add(chunk);
    this.context.wire.toTarget(chunk);
  }

  targetData(chunk: Buffer): void {
    this.#response.add(chunk);
    this.context.wire.toAgent(chunk);
  }

  agentEnd(): void {
    this.#agentEnded = true;
    this.context.wire.endTarget();
    if (this.#targetEnded) this.#end();
  }

  targetEnd(): void {
    this.#targetEnded = true;
    this.context.wire.endAgent();
    if (this.#agentEnded) this.#end();
  }

  /** `error`: why it was ended, where nobody closed it. */
  closed(error?: string): void {
    if (this.#complete) return;
    this.#complete = true;
    this.open.error = error;
    this.open.complete();
  }

  #end(): void {
    this.closed();
    this.context.wire.destroy('done');
  }
}
