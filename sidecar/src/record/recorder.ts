/** Turns exchanges into chained events: the text of each is assembled from ready-made parts, in canonical order. */
import type { AuditEvent, EventClock, StreamWriter } from '@cairn/audit';
import { canonicalJson } from '@cairn/audit';
import { uuidv7 } from '@cairn/identity';
import type { Turn } from '../pump/turn.js';
import { StreamBody } from './body.js';
import type { BodyCapture, Completion, Exchange, Intent, SessionRecorder } from './exchange.js';
import { attributionText, decisionText, identityText, maskedText, operationText, requestText, responseText } from './json.js';
import type { HoldOutcome } from '../guard/guard.js';

export interface RecorderServices {
  stream: StreamWriter;
  turn: Turn;
  clock: EventClock;
  /** Milliseconds, monotonic. */
  now: () => number;
  agent: AuditEvent['agent'];
  /** Told of every exchange, for metrics. */
  observe?: (stage: 'intent' | 'complete', protocol: string, action: string) => void;
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
  const texts = sessionTexts(services, facts);
  let sequence = 0;
  return {
    get refusing() {
      return stream.refusing;
    },
    intent(intent: Intent): Exchange {
      const id = uuidv7();
      sequence += 1;
      if (intent.verdict.level === 'None') return unrecorded(id);
      return new RecordedExchange(services, texts, intent, id, sequence);
    },
    body: (options): BodyCapture => new StreamBody(stream, options),
  };
}

interface SessionTexts {
  facts: SessionFacts;
  /** `{"agent":{...},` */
  agent: string;
  /** `"session":{"direction":"...","id":"...","seq":` */
  session: string;
  /** `},"stage":"intent","target":{...},"time":"` by stage. */
  tail: Record<'intent' | 'decision' | 'complete', string>;
  /** `"protocol":"..."` */
  protocol: string;
}

function sessionTexts(services: RecorderServices, facts: SessionFacts): SessionTexts {
  const target = canonicalJson(facts.target);
  const tail = (stage: string): string => `},"stage":"${stage}","target":${target},"time":"`;
  return {
    facts,
    agent: `{"agent":${canonicalJson(services.agent)},`,
    session: `"session":{"direction":"${facts.direction}","id":"${facts.id}","seq":`,
    tail: { intent: tail('intent'), decision: tail('decision'), complete: tail('complete') },
    protocol: `"protocol":${JSON.stringify(facts.protocol)},`,
  };
}

class RecordedExchange implements Exchange {
  readonly #started: number;
  #outcome: HoldOutcome | undefined;
  /** What the decision and complete events repeat of the intent, so that each can be searched alone. */
  readonly #operation: string;

  constructor(
    private readonly services: RecorderServices,
    private readonly texts: SessionTexts,
    private readonly intent: Intent,
    readonly id: string,
    private readonly sequence: number,
  ) {
    this.#started = services.now();
    this.#operation = operationText(intent.operation, intent.others, intent.statement);
    const { request, traceparent, attribution } = intent;
    this.#append(
      'intent',
      id,
      attribution.cause,
      undefined,
      request ? requestText(request) : '',
      '',
      maskedText(intent.masked),
      traceparent,
    );
    services.observe?.('intent', texts.facts.protocol, intent.verdict.action);
  }

  decided(outcome: HoldOutcome): void {
    this.#outcome = outcome;
    this.#append('decision', uuidv7(), this.id, outcome, '', '', '', undefined);
  }

  complete(completion: Completion): void {
    const { request } = completion;
    const response = responseText(completion, this.services.now() - this.#started);
    this.#append(
      'complete',
      uuidv7(),
      this.id,
      this.#outcome,
      request ? requestText(request) : '',
      response,
      maskedText(completion.masked),
      undefined,
    );
    this.services.observe?.('complete', this.texts.facts.protocol, this.intent.verdict.action);
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
    stage: 'intent' | 'decision' | 'complete',
    id: string,
    cause: string | undefined,
    outcome: HoldOutcome | undefined,
    request: string,
    response: string,
    masked: string,
    traceparent: string | undefined,
  ): void {
    const { texts, intent, services } = this;
    const identity = intent.attribution.identity;
    const who = identity ? identityText(identity) : undefined;
    const head =
      texts.agent +
      attributionText(intent.attribution) +
      (cause === undefined ? ',' : `,"cause":"${cause}",`) +
      decisionText(intent.verdict, outcome) +
      `,"id":"${id}"`;
    const tail =
      (who ? who.launch + masked + ',' : masked === '' ? '' : masked.slice(1) + ',') +
      this.#operation +
      ',' +
      texts.protocol +
      (request === '' ? '' : request + ',') +
      (response === '' ? '' : response + ',') +
      (who ? who.root + ',' : '') +
      texts.session +
      this.sequence +
      texts.tail[stage] +
      services.clock.now() +
      (traceparent === undefined ? '"}' : `","trace":{"traceparent":${JSON.stringify(traceparent)}}}`);
    services.stream.append(head, tail);
    services.turn.touch();
  }
}

/** Level None: the exchange goes on, nothing is kept of it. */
function unrecorded(id: string): Exchange {
  return { id, decided: () => undefined, complete: () => undefined, delivered: () => Promise.resolve() };
}
