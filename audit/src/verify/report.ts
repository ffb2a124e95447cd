/** What verification says. Integrity: is anything not as it was written? Coverage: how much is there, and how well is it vouched for? */

/** Where an event was read: a line number, or words such as `cairn.events.v1[3]@1042`. */
export type Where = number | string;

export interface Finding {
  /**
   * `altered`: content was changed. `missing`: events between others, or a whole stream, are not there. `reordered`: an event
   * stands where it does not belong. `forged`: not written by the holder of the stream's key. `truncated`: the end is not there.
   */
  kind: 'altered' | 'missing' | 'reordered' | 'forged' | 'truncated';
  stream?: string;
  /** First event concerned. */
  seq?: number;
  /** Events concerned, where it is not one. */
  count?: number;
  /** Its id as read; absent where the event is not there or cannot be read. */
  event?: string;
  where?: Where;
  /** For people: what, where, how it shows. */
  sentence: string;
}

export interface StreamCoverage {
  stream: string;
  /** `namespace/name`, as its stream.open says. */
  agent?: string;
  /** Events that were read and hold. */
  events: number;
  /** Events from the first on that a checkpoint of the stream's own key covers. */
  signedUpTo: number;
  /** Events behind the last such checkpoint. */
  unsignedTail: number;
  /** Whether the key's certificate is by the trusted issuer; `unknown` where no issuer was given. */
  certified: 'yes' | 'no' | 'unknown';
  /** Whether it ends in stream.close. */
  closed: boolean;
  /** Largest size that a witness saw and that holds. */
  witnessed?: number;
  /** Payload records that the chain speaks of, and how many of their ciphertexts were not given; `not-checked` on request. */
  payloads: { sealed: number; absent: number } | 'not-checked';
  /** Events that the sidecar itself said are missing. */
  gaps: { count: number; reasons: string[] };
  intentsWithoutOutcome: { count: number; events: string[] };
  /** Identical events delivered again. */
  duplicates: number;
  firstTime?: string;
  lastTime?: string;
}

export interface Report {
  integrity: { held: boolean; findings: Finding[]; /** Findings beyond those listed. */ more: number };
  coverage: { /** Nothing in any stream is open to doubt. */ complete: boolean; streams: StreamCoverage[] };
  /** Events that were read and hold. */
  events: number;
}

/** What a stream's coverage leaves open, as half sentences; empty where nothing. */
export function openQuestions(stream: StreamCoverage): string[] {
  const questions: string[] = [];
  if (!stream.closed) questions.push('ends without stream.close');
  if (stream.certified !== 'yes') questions.push('its key is not certified by a trusted issuer');
  if (stream.unsignedTail > 0) questions.push(`the last ${stream.unsignedTail} events are not signed`);
  if (stream.payloads !== 'not-checked' && stream.payloads.absent > 0)
    questions.push(`${stream.payloads.absent} payload records are not there`);
  if (stream.gaps.count > 0) questions.push(`${stream.gaps.count} events are missing by the sidecar's own account`);
  if (stream.intentsWithoutOutcome.count > 0) questions.push(`${stream.intentsWithoutOutcome.count} intents have no outcome`);
  return questions;
}
