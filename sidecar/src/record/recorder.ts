/** Turns exchanges into chained events: each is put together from ready-made parts, in canonical order. */
import type { AuditEvent, EventClock, StreamWriter } from '@cairn/audit';
import { canonicalJson } from '@cairn/audit';
import { uuidv7 } from '@cairn/identity';
import type { Turn } from '../pump/turn.js';
import { StreamBody } from './body.js';
import type { ExchangeCounts, Tally } from './tally.js';
import type { BodyCapture, Completion, Exchange, Intent, SessionRecorder } from './exchange.js';
import { attributionText, decisionBytes, identityBytes, maskedText, operationText, requestText, responseText } from './json.js';
import type { HoldOutcome } from '../guard/guard.js';

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
  const shared = sessionBytes(services, facts);
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

/** What every event of a session shares, encoded once. */
interface SessionBytes {
  counts: ExchangeCounts;
  /** `{"agent":{...},` */
  agent: Buffer;
  /** `"protocol":"...",` */
  protocol: string;
  /** `"session":{"direction":"...","id":"...","seq":` */
  session: Buffer;
  /** `},"stage":"intent","target":{...},"time":"` by stage. */
  tail: Record<RecordedStage, Buffer>;
}

type RecordedStage = 'intent' | 'decision' | 'complete';

function sessionBytes(services: RecorderServices, facts: SessionFacts): SessionBytes {
  const target = canonicalJson(facts.target);
  const tail = (stage: RecordedStage): Buffer => Buffer.from(`},"stage":"${stage}","target":${target},"time":"`);
  return {
    counts: services.tally.of(facts.protocol),
    agent: Buffer.from(`{"agent":${canonicalJson(services.agent)},`),
    protocol: `"protocol":${JSON.stringify(facts.protocol)},`,
    session: Buffer.from(`"session":{"direction":"${facts.direction}","id":"${facts.id}","seq":`),
    tail: { intent: tail('intent'), decision: tail('decision'), complete: tail('complete') },
  };
}

const NOTHING = Buffer.alloc(0);

class RecordedExchange implements Exchange {
  readonly #started: number;
  #outcome: HoldOutcome | undefined;
  /** What the decision and complete events repeat of the intent, so that each can be searched alone. */
  readonly #operation: string;

  constructor(
    private readonly services: RecorderServices,
    private readonly shared: SessionBytes,
    private readonly intent: Intent,
    readonly id: string,
    private readonly sequence: number,
  ) {
    this.#started = services.now();
    this.#operation = operationText(intent.operation, intent.others, intent.statement) + shared.protocol;
    const { request, traceparent, attribution, masked } = intent;
    this.#append('intent', id, attribution.cause, maskedText(masked), requestText(request), traceparent);
    shared.counts[intent.verdict.action] += 1;
  }

  decided(outcome: HoldOutcome): void {
    this.#outcome = outcome;
    this.#append('decision', uuidv7(), this.id, '', '', undefined);
  }

  complete(completion: Completion): void {
    const bodies = requestText(completion.request) + responseText(completion, this.services.now() - this.#started);
    this.#append('complete', uuidv7(), this.id, maskedText(completion.masked), bodies, undefined);
    this.shared.counts.completed += 1;
  }

  delivered(): Promise<void> {
    if (this.intent.verdict.delivery !== 'Strict') return Promise.resolve();
    const { stream, turn } = this.services;
    return new Promise((resolve, reject) => {
      turn.after(() => {
        stream
          .synced()
          .then(() => stream.shipped())
          .then(resolve, reject);
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
    const who = identity && identityBytes(identity);
    const trace = traceparent === undefined ? '"}' : `","trace":{"traceparent":${JSON.stringify(traceparent)}}}`;
    services.stream.append(
      [shared.agent, attributionText(intent.attribution, cause), decisionBytes(intent.verdict, this.#outcome), `${id}"`],
      [
        who ? who.launch : NOTHING,
        masked + this.#operation + bodies,
        who ? who.root : NOTHING,
        shared.session,
        String(this.sequence),
        shared.tail[stage],
        services.clock.now() + trace,
      ],
    );
    services.turn.touch();
  }
}

/** Level None: the exchange goes on, nothing is kept of it. */
function unrecorded(id: string): Exchange {
  return { id, decided: () => undefined, complete: () => undefined, delivered: () => Promise.resolve() };
}
