/** Turns exchanges into chained events: each is put together from ready-made parts, in canonical order. */
import type { AuditEvent, EventClock, StreamWriter } from '@cairn/audit';
import { canonicalJson, EvidenceError } from '@cairn/audit';
import type { Operation } from '@cairn/crds';
import { uuidv7 } from '@cairn/identity';
import type { Turn } from '../pump/turn.js';
import { StreamBody } from './body.js';
import type { ExchangeCounts, Tally } from './tally.js';
import type { BodyCapture, Completion, Exchange, Intent, SessionRecorder } from './exchange.js';
import { attributionText, decisionText, flat, identityText, maskedText, operationText, requestText, responseText } from './json.js';
import type { HoldOutcome } from '../guard/guard.js';
import { DELIVERY_MS } from './limits.js';

export interface RecorderServices {
  stream: StreamWriter;
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
  const shared = sessionText(services, facts);
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

/** What every event of a session shares. */
interface SessionText {
  counts: ExchangeCounts;
  /** `{"agent":{...},` */
  agent: string;
  /** `"protocol":"...",` */
  protocol: string;
  /** `"session":{"direction":"...","id":"...","seq":` */
  session: string;
  /** `},"stage":"intent","target":{...},"time":"` by stage. */
  tail: Record<RecordedStage, string>;
}

type RecordedStage = 'intent' | 'decision' | 'complete';

function sessionText(services: RecorderServices, facts: SessionFacts): SessionText {
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
  /** What the decision and complete events repeat of the intent, so that each can be searched alone. */
  #operation: string;

  constructor(
    private readonly services: RecorderServices,
    private readonly shared: SessionText,
    private readonly intent: Intent,
    readonly id: string,
    private readonly sequence: number,
  ) {
    this.#started = services.now();
    this.#operation = this.#operationText(intent.operation);
    const { request, traceparent, attribution, masked } = intent;
    this.#append('intent', id, attribution.cause, maskedText(masked), requestText(request), traceparent);
    shared.counts[intent.verdict.action] += 1;
  }

  decided(outcome: HoldOutcome): void {
    this.#outcome = outcome;
    this.#append('decision', uuidv7(), this.id, '', '', undefined);
  }

  complete(completion: Completion): void {
    const { operation } = this.intent;
    const { parameters } = completion;
    if (parameters) this.#operation = this.#operationText({ ...operation, parameters: { ...operation.parameters, ...parameters } });
    const bodies = requestText(completion.request) + responseText(completion, this.services.now() - this.#started);
    this.#append('complete', uuidv7(), this.id, maskedText(completion.masked), bodies, undefined);
    this.shared.counts.completed += 1;
  }

  #operationText(operation: Operation): string {
    return operationText(operation, this.intent.others, this.intent.statement) + this.shared.protocol;
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
    bodies: string,
    traceparent: string | undefined,
  ): void {
    const { shared, intent, services } = this;
    const identity = intent.attribution.identity;
    const who = identity ? identityText(identity) : NOBODY;
    const head = `${shared.agent}${attributionText(intent.attribution, cause)}${decisionText(intent.verdict, this.#outcome)}${id}"`;
    const what = who.launch + masked + this.#operation + bodies + who.root;
    const trace = traceparent === undefined ? '"}' : `","trace":{"traceparent":${JSON.stringify(traceparent)}}}`;
    services.stream.append(head, `${what}${shared.session}${this.sequence}${shared.tail[stage]}${services.clock.now()}${trace}`);
    services.turn.touch();
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
