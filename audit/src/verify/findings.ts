/** Findings, and the sentences of those that a stream's state shows. */
import { MAX_FINDINGS, VERIFY_WINDOW_EVENTS } from '../limits.js';
import type { Placed } from './chain-state.js';
import type { Finding } from './report.js';
import type { StreamState } from './stream-state.js';

/** Findings up to a limit; the rest is counted. */
export class Findings {
  readonly list: Finding[] = [];
  more = 0;

  add(finding: Finding): void {
    if (this.list.length < MAX_FINDINGS) this.list.push(finding);
    else this.more += 1;
  }
}

export type StreamFinding = Omit<Finding, 'stream'>;

/** A finding about one event that was read. */
export function about(kind: Finding['kind'], { seq, id, where }: Placed, sentence: string): StreamFinding {
  return { kind, seq, ...(id === undefined ? {} : { event: id }), where, sentence };
}

export function rehashed(placed: Placed): StreamFinding {
  const name = placed.id === undefined ? 'the event' : `event ${placed.id}`;
  return about('altered', placed, `${name} was altered and given a new hash: the event after it is chained to other content`);
}

export function late(placed: Placed): StreamFinding {
  return about('reordered', placed, `event ${placed.id} stands behind events that were written after it`);
}

export function again(fit: 'conflict' | 'too-old', placed: Placed): StreamFinding {
  if (fit === 'conflict') return about('forged', placed, `event ${placed.id} takes the place of another event of the same stream`);
  const sentence = `event ${placed.id} comes again more than ${VERIFY_WINDOW_EVENTS} events after its place, too late to compare them`;
  return about('reordered', placed, sentence);
}

export function afterClose(placed: Placed): StreamFinding {
  return about('forged', placed, `event ${placed.id} stands after the stream's end`);
}

export function uncertified(placed: Placed, why: string): StreamFinding {
  return about('forged', placed, `the stream is not by a sidecar of ours: ${why}`);
}

/** What is not there, by the chain and by what checkpoints promise. */
export function absences(state: StreamState): StreamFinding[] {
  const { chain, anchors } = state;
  const { told, promised } = anchors.conclude();
  const absent: StreamFinding[] = chain.holes.map(({ from, to, where }) => ({
    kind: 'missing',
    seq: from,
    count: to - from + 1,
    where,
    sentence: `${range(from, to)} missing before what follows`,
  }));
  if (promised) absent.push(chain.next === 0 ? wholeStream(promised.size) : truncated(chain.next, promised.size, promised.time));
  return [...absent, ...told];
}

function wholeStream(size: number): StreamFinding {
  return { kind: 'missing', seq: 0, count: size, sentence: `the whole stream is missing: a checkpoint saw ${size} events of it` };
}

function truncated(next: number, size: number, time: string): StreamFinding {
  const sentence = `the end is missing: ${range(next, size - 1)} not there, and the checkpoint of ${time} covers them`;
  return { kind: 'truncated', seq: next, count: size - next, sentence };
}

function range(from: number, to: number): string {
  return from === to ? `the event with seq ${from} is` : `the ${to - from + 1} events with seq ${from} to ${to} are`;
}
