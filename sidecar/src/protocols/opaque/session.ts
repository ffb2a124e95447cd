/** Traffic of no protocol that we know, let through because a policy says Record: bytes are counted, hashed and kept. */
import type { EvidenceError } from '@cairn/audit';
import type { Verdict } from '@cairn/crds';
import type { BodyCapture, Exchange } from '../../record/exchange.js';
import type { Session, SessionContext } from '../protocol.js';

const TYPE = 'application/octet-stream';

export function openOpaqueSession(context: SessionContext, verdict: Verdict): Session {
  return new OpaqueSession(context, verdict);
}

class OpaqueSession implements Session {
  readonly #exchange: Exchange;
  readonly #sent: BodyCapture;
  readonly #received: BodyCapture;
  #done = false;

  constructor(
    private readonly context: SessionContext,
    verdict: Verdict,
  ) {
    const { record, target } = context;
    const body = { keep: verdict.level === 'RequestResponse', maxBytes: target.capture.maxBytes, type: TYPE };
    this.#exchange = record.intent({
      attribution: context.attribute({}),
      verdict,
      operation: { verb: 'CONNECT', resource: `${context.host}:${context.port}`, effect: 'write' },
    });
    this.#sent = record.body(body);
    this.#received = record.body(body);
  }

  start(): void {
    const { wire } = this.context;
    wire.connectTarget().catch((error: Error) => {
      this.#complete('failed', error.message);
      wire.destroy(error.message);
    });
  }

  agentData(chunk: Buffer): void {
    this.#sent.add(chunk);
    this.context.wire.toTarget(chunk);
  }

  targetData(chunk: Buffer): void {
    this.#received.add(chunk);
    this.context.wire.toAgent(chunk);
  }

  agentEnd(): void {
    this.context.wire.endTarget();
  }

  targetEnd(): void {
    this.context.wire.endAgent();
  }

  evidenceFailed(error: EvidenceError): void {
    this.context.wire.destroy(error.message);
  }

  cut(reason: string): void {
    this.#complete('closed', reason);
    this.context.wire.destroy(reason);
  }

  closed(): void {
    this.#complete('closed', undefined);
  }

  #complete(status: string, error: string | undefined): void {
    if (this.#done) return;
    this.#done = true;
    this.#exchange.complete({ status, request: this.#sent.finish(), response: this.#received.finish(), error });
  }
}
