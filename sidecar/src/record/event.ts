/** An event of an exchange as it waits for its words: what it says is at hand and does not change, how it says it is left to the flush. */
import type { Body, LateEvent } from '@cairn/audit';
import type { Operation } from '@cairn/crds';
import type { Completion } from './exchange.js';
import { operationText, operationUnits, requestText, requestUnits, responseText, responseUnits } from './json.js';

export type RecordedStage = 'intent' | 'decision' | 'complete';

/** What every event of a session shares. */
export interface SessionText {
  /** `{"agent":{...},` */
  agent: string;
  /** `"protocol":"...",` */
  protocol: string;
  /** `"session":{"direction":"...","id":"...","seq":` */
  session: string;
  /** `},"stage":"intent","target":{...},"time":"` by stage. */
  tail: Record<RecordedStage, string>;
}

/** Members, each with the comma that follows it. */
export interface Words {
  /** UTF-16 units of the text at most. */
  readonly units: number;
  text(): string;
}

export const NO_WORDS: Words = { units: 0, text: () => '' };

/** `"operation":{...},"protocol":"...",`: all events of an exchange repeat it, so that each can be searched alone. */
export class OperationWords implements Words {
  readonly units: number;
  #text: string | undefined;

  constructor(
    private readonly operation: Operation,
    private readonly others: readonly Operation[] | undefined,
    private readonly statement: string | undefined,
    private readonly protocol: string,
  ) {
    // How long parameters are shows only in words.
    if (operation.parameters || others) this.units = this.text().length;
    else this.units = operationUnits(operation, statement) + protocol.length;
  }

  text(): string {
    return (this.#text ??= operationText(this.operation, this.others, this.statement) + this.protocol);
  }
}

/** `"request":{...},` and, with a completion, `"response":{...},`. */
export class BodyWords implements Words {
  readonly units: number;

  constructor(
    private readonly request: Body | undefined,
    private readonly completion: Completion | undefined,
    /** Milliseconds. */
    private readonly duration: number,
  ) {
    this.units = requestUnits(request) + (completion ? responseUnits(completion) : 0);
  }

  text(): string {
    return requestText(this.request) + (this.completion ? responseText(this.completion, this.duration) : '');
  }
}

export interface Said {
  stage: RecordedStage;
  id: string;
  sequence: number;
  /** RFC 3339. */
  time: string;
  /** As the json.ts functions of these names give them. */
  attribution: string;
  decision: string;
  launch: string;
  root: string;
  masked: string;
  operation: Words;
  bodies: Words;
  /** What ends the event: `"}`, or `","trace":{...}}`. */
  trace: string;
}

/** A quote and the sequence number. */
const FRAME_UNITS = 20;

export class RecordedEvent implements LateEvent {
  readonly units: number;

  constructor(
    private readonly shared: SessionText,
    private readonly said: Said,
  ) {
    const { id, time, attribution, decision, launch, root, masked, operation, bodies, stage, trace } = said;
    const first = shared.agent.length + attribution.length + decision.length + id.length;
    const what = launch.length + masked.length + operation.units + bodies.units + root.length;
    const last = shared.session.length + shared.tail[stage].length + time.length + trace.length;
    this.units = first + what + last + FRAME_UNITS;
  }

  head(): string {
    const { attribution, decision, id } = this.said;
    return `${this.shared.agent}${attribution}${decision}${id}"`;
  }

  tail(): string {
    const { launch, masked, operation, bodies, root, sequence, stage, time, trace } = this.said;
    const { session, tail } = this.shared;
    return `${launch}${masked}${operation.text()}${bodies.text()}${root}${session}${sequence}${tail[stage]}${time}${trace}`;
  }
}
