/**
 * The recorder of sessions whose policy has BestEffort rules: their exchanges go on while evidence cannot be written, and their
 * events wait in a ring. Exchanges of the other rules are recorded as everywhere.
 */
import type { Body } from '@cairn/audit';
import type { CompiledPolicy } from '@cairn/crds';
import type { Turn } from '../pump/turn.js';
import type { Completion, Exchange, Intent, SessionRecorder } from './exchange.js';
import { sessionRecorder, type RecordedStream, type RecorderServices, type SessionFacts } from './recorder.js';
import type { EvidenceRing } from './ring.js';

/** A recorder for one session under the policy that is in force when it opens. */
export function recorderFor(services: RecorderServices, ring: EvidenceRing, facts: SessionFacts, policy: CompiledPolicy): SessionRecorder {
  return hasBestEffort(policy) ? new BestEffortRecorder(services, ring, facts) : sessionRecorder(services, facts);
}

const known = new WeakMap<CompiledPolicy, boolean>();

function hasBestEffort(policy: CompiledPolicy): boolean {
  let has = known.get(policy);
  if (has === undefined) {
    const { rules, default: otherwise } = policy.spec;
    has = [otherwise, ...rules].some(({ delivery }) => delivery === 'BestEffort');
    known.set(policy, has);
  }
  return has;
}

class BestEffortRecorder implements SessionRecorder {
  readonly #inner: SessionRecorder;
  readonly #turn: Turn;
  readonly #ring: EvidenceRing;
  /** Whether what is recorded right now belongs to a BestEffort exchange. */
  #lenient = false;
  /** Exchanges that must not go on without evidence, and the flush that the latest word of one waits for. */
  #strictOpen = 0;
  #strictSince = -1;

  constructor(services: RecorderServices, ring: EvidenceRing, facts: SessionFacts) {
    this.#turn = services.turn;
    this.#ring = ring;
    this.#inner = sessionRecorder({ ...services, stream: this.#divided(services.stream) }, facts);
  }

  get refusing(): SessionRecorder['refusing'] {
    return this.#inner.refusing;
  }

  get indifferent(): boolean {
    return this.#strictOpen === 0 && this.#strictSince !== this.#turn.flushes;
  }

  intent(intent: Intent): Exchange {
    const lenient = intent.verdict.delivery === 'BestEffort';
    if (!lenient) this.#strictOpen += 1;
    const inner = this.#as(lenient, () => this.#inner.intent({ ...intent, request: this.#body(lenient, intent.request) }));
    return {
      id: inner.id,
      delivered: () => inner.delivered(),
      decided: (outcome) => this.#as(lenient, () => inner.decided(outcome)),
      complete: (completion) => {
        if (!lenient) this.#strictOpen -= 1;
        this.#as(lenient, () => inner.complete(this.#completion(lenient, completion)));
      },
    };
  }

  body(options: Parameters<SessionRecorder['body']>[0]): ReturnType<SessionRecorder['body']> {
    return this.#inner.body(options);
  }

  #as<T>(lenient: boolean, record: () => T): T {
    this.#lenient = lenient;
    if (!lenient) this.#strictSince = this.#turn.flushes;
    return record();
  }

  #divided(stream: RecordedStream): RecordedStream {
    return {
      get refusing() {
        return stream.refusing;
      },
      appendLate: (event) => {
        if (!this.#lenient || !this.#ring.holding) return stream.appendLate(event);
        this.#ring.add(event.head(), event.tail());
        return -1;
      },
      payload: (parts, type) => stream.payload(parts, type),
      synced: () => stream.synced(),
      shipped: () => stream.shipped(),
    };
  }

  #completion(lenient: boolean, completion: Completion): Completion {
    const { request, response } = completion;
    return { ...completion, request: this.#body(lenient, request), response: this.#body(lenient, response) };
  }

  /** What was sealed while nothing can be written is not kept: the event must not point to it. */
  #body(lenient: boolean, body: Body | undefined): Body | undefined {
    if (!lenient || !body?.payload || !this.#ring.holding) return body;
    const { payload: _, ...rest } = body;
    return { ...rest, truncated: true };
  }
}
