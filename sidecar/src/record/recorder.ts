/** Turns exchanges into chained events: each is put together from ready-made parts, in canonical order. */
import type { AuditEvent, EventClock, StreamWriter } from '@cairn/audit';
import { canonicalJson, EvidenceError } from '@cairn/audit';
import type { Operation } from '@cairn/crds';
import { uuidv7 } from '@cairn/identity';
import type { Turn } from '../pump/turn.js';
import { StreamBody } from './body.js';
import type { ExchangeCounts, Tally } from './tally.js';
import type { BodyCapture, Completion, Exchange, Intent, SessionRecorder } from './exchange.js';
import { BodyWords, NO_WORDS, OperationWords, RecordedEvent, type RecordedStage, type SessionText, type Words } from './event.js';
import { attributionText, decisionText, flat, identityText, maskedText } from './json.js';
import type { HoldOutcome } from '../guard/guard.js';
import { DELIVERY_MS } from './limits.js';
import { quoted } from './recordable.js';

/** The part of a stream that exchanges are recorded by. */
export type RecordedStream = Pick<StreamWriter, 'refusing' | 'appendLate' | 'payload' | 'synced' | 'shipped'>;

export interface RecorderServices {
  stream: RecordedStream;
  turn: Turn;
  clock: EventClock;
  /** Milliseconds, monotonic. */
  now: () => number;
  agent: AuditEvent['agent'];
  /** What metrics are read from. */
  tally: Tally;
}

export interface SessionFacts {
  id: string;
  direction: 'inbound' | 'outbound';
  protocol: string;
  target: { name: string; host: string; port: number };
}

/** A recorder for one session. */
export function sessionRecorder(services: RecorderServices, facts: SessionFacts): SessionRecorder {
  const { stream } = services;
  const shared = sharedBy(services, facts);
  let sequence = 0;
  return {
    get refusing() {
      return stream.refusing;
    },
    intent(intent: Intent): Exchange {
      const id = uuidv7();
      sequence += 1;
      if (intent.verdict.level === 'None') return unrecorded(id);
      return new RecordedExchange(services, shared, intent, id, sequence);
    },
    body: (options): BodyCapture => new StreamBody(stream, options),
  };
}

/** What every exchange of a session shares. */
interface RecordedSession extends SessionText {
  counts: ExchangeCounts;
}

function sharedBy(services: RecorderServices, facts: SessionFacts): RecordedSession {
  const target = canonicalJson(facts.target);
  const tail = (stage: RecordedStage): string => flat(`},"stage":"${stage}","target":${target},"time":"`);
  return {
    counts: services.tally.of(facts.protocol),
    agent: flat(`{"agent":${canonicalJson(services.agent)},`),
    protocol: `"protocol":${JSON.stringify(facts.protocol)},`,
    session: flat(`"session":{"direction":"${facts.direction}","id":"${facts.id}","seq":`),
    tail: { intent: tail('intent'), decision: tail('decision'), complete: tail('complete') },
  };
}

const NOBODY = { launch: '', root: '' };

class RecordedExchange implements Exchange {
  readonly #started: number;
  #outcome: HoldOutcome | undefined;
  #operation: OperationWords;

  constructor(
    private readonly services: RecorderServices,
    private readonly shared: RecordedSession,
    private readonly intent: Intent,
    readonly id: string,
    private readonly sequence: number,
  ) {
    this.#started = services.now();
    const { request, traceparent, attribution, masked } = intent;
    this.#operation = this.#words(intent.operation);
    const bodies = request ? new BodyWords(request, undefined, 0) : NO_WORDS;
    this.#append('intent', id, attribution.cause, maskedText(masked), bodies, traceparent);
    shared.counts[intent.verdict.action] += 1;
  }

  decided(outcome: HoldOutcome): void {
    this.#outcome = outcome;
    this.#append('decision', uuidv7(), this.id, '', NO_WORDS, undefined);
  }

  complete(completion: Completion): void {
    const { operation } = this.intent;
    const { parameters } = completion;
    if (parameters) this.#operation = this.#words({ ...operation, parameters: { ...operation.parameters, ...parameters } });
    const bodies = new BodyWords(completion.request, completion, this.services.now() - this.#started);
    this.#append('complete', uuidv7(), this.id, maskedText(completion.masked), bodies, undefined);
    this.shared.counts.completed += 1;
  }

  #words(operation: Operation): OperationWords {
    return new OperationWords(operation, this.intent.others, this.intent.statement, this.shared.protocol);
  }

  delivered(): Promise<void> {
    if (this.intent.verdict.delivery !== 'Strict') return Promise.resolve();
    const { stream, turn } = this.services;
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(undelivered()), DELIVERY_MS);
      turn.after(() => {
        stream
          .synced()
          .then(() => stream.shipped())
          .then(resolve, reject)
          .finally(() => clearTimeout(late));
      });
    });
  }

  #append(
    stage: RecordedStage,
    id: string,
    cause: string | undefined,
    masked: string,
    bodies: Words,
    traceparent: string | undefined,
  ): void {
    const { attribution, verdict } = this.intent;
    const who = attribution.identity ? identityText(attribution.identity) : NOBODY;
    const event = new RecordedEvent(this.shared, {
      stage,
      id,
      sequence: this.sequence,
      time: this.services.clock.now(),
      attribution: attributionText(attribution, cause),
      decision: decisionText(verdict, this.#outcome),
      launch: who.launch,
      root: who.root,
      masked,
      operation: this.#operation,
      bodies,
      trace: traceparent === undefined ? '"}' : `","trace":{"traceparent":${quoted(traceparent)}}}`,
    });
    this.services.stream.appendLate(event);
    this.services.turn.touch();
  }
}

function undelivered(): EvidenceError {
  const message = `Kafka has not acknowledged the intent within ${DELIVERY_MS / 1000} s, which this rule (delivery: Strict) waits for: see whether Kafka is reachable`;
  return new EvidenceError('undelivered', message);
}

/** Level None: the exchange goes on, nothing is kept of it. */
function unrecorded(id: string): Exchange {
  return { id, decided: () => undefined, complete: () => undefined, delivered: () => Promise.resolve() };
}
