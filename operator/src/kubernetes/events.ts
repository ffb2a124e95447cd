/** Events (events.k8s.io/v1) that tell users what the operator did and why: repetitions become a series, floods are cut. */
import { createHash } from 'node:crypto';
import type { KubernetesClient } from './client.js';
import {
  EVENT_NOTE_CHARACTERS,
  EVENT_SERIES_END_MS,
  EVENT_SERIES_MS,
  EVENTS_BURST_COUNT,
  EVENTS_INTERVAL_MS,
  EVENTS_KNOWN_COUNT,
  EVENTS_PENDING_COUNT,
} from './limits.js';
import { apiVersionOf, type ApiObject, type Resource } from './resource.js';

export interface EventObject extends ApiObject {
  eventTime: string;
  type: 'Normal' | 'Warning';
  reason: string;
  action: string;
  note: string;
  regarding: object;
  reportingController: string;
  reportingInstance: string;
  series?: { count: number; lastObservedTime: string };
}

const EVENTS: Resource<EventObject> = { group: 'events.k8s.io', version: 'v1', plural: 'events', kind: 'Event', namespaced: true };

export interface EventSubject {
  resource: Resource;
  /** Of the object that the event is about; uid where it exists already. */
  metadata: { name?: string; namespace?: string; uid?: string; resourceVersion?: string };
}

export interface EventText {
  type: 'Normal' | 'Warning';
  /** A code in UpperCamelCase. */
  reason: string;
  /** What the operator did or tried, UpperCamelCase: Inject, Fence, Compile. */
  action: string;
  /** A sentence; cut at EVENT_NOTE_CHARACTERS. */
  note: string;
}

export interface EventRecorderOptions {
  /** Name of the operator's pod. */
  instance: string;
  /** Milliseconds. */
  clock?: () => number;
  seriesMs?: number;
  log?: (entry: { level: 'warn'; message: string }) => void;
}

interface Series {
  namespace: string;
  name: string;
  count: number;
  lastMs: number;
  writtenMs: number;
}

const CONTROLLER = 'cairn.dev/operator';

function microTime(milliseconds: number): string {
  return new Date(milliseconds).toISOString().replace('Z', '000Z');
}

function cut(note: string): string {
  return note.length <= EVENT_NOTE_CHARACTERS ? note : `${note.slice(0, EVENT_NOTE_CHARACTERS - 3)}...`;
}

export class EventRecorder {
  readonly counts = { written: 0, dropped: 0 };
  readonly #known = new Map<string, Series>();
  readonly #allowance = new Map<string, { left: number; at: number }>();
  readonly #pending: (() => Promise<unknown>)[] = [];
  readonly #clock: () => number;
  readonly #seriesMs: number;
  #sending: Promise<void> | undefined;

  constructor(
    readonly client: KubernetesClient,
    readonly options: EventRecorderOptions,
  ) {
    this.#clock = options.clock ?? Date.now;
    this.#seriesMs = options.seriesMs ?? EVENT_SERIES_MS;
  }

  /** Never waits and never throws: an event that cannot be written is counted. */
  record(subject: EventSubject, text: EventText): void {
    const now = this.#clock();
    const { namespace = 'default', name = '', uid = '' } = subject.metadata;
    const about = `${subject.resource.plural}/${namespace}/${name}/${uid}`;
    const known = this.#known.get(`${about}\n${text.type}\n${text.reason}\n${text.action}\n${text.note}`);
    if (known && now - known.lastMs < EVENT_SERIES_END_MS) return this.#repeat(known, now);
    if (!this.#allowed(about, now)) {
      this.counts.dropped += 1;
      return;
    }
    const series = { namespace, name: this.#name(about, text, now, name), count: 1, lastMs: now, writtenMs: now };
    this.#remember(`${about}\n${text.type}\n${text.reason}\n${text.action}\n${text.note}`, series);
    this.#send(() => this.client.create(EVENTS, this.#event(subject, text, series, now)));
  }

  /** Resolves when everything recorded so far is written or counted as dropped. */
  async flush(): Promise<void> {
    await this.#sending;
  }

  #repeat(series: Series, now: number): void {
    series.count += 1;
    series.lastMs = now;
    if (series.count > 2 && now - series.writtenMs < this.#seriesMs) return;
    series.writtenMs = now;
    const patch = { series: { count: series.count, lastObservedTime: microTime(now) } };
    this.#send(() => this.client.mergePatch(EVENTS, { namespace: series.namespace, name: series.name }, patch));
  }

  #event({ resource, metadata }: EventSubject, text: EventText, { namespace, name }: Series, now: number): EventObject {
    const { uid, resourceVersion } = metadata;
    return {
      metadata: { namespace, name },
      eventTime: microTime(now),
      ...text,
      note: cut(text.note),
      regarding: {
        apiVersion: apiVersionOf(resource),
        kind: resource.kind,
        name: metadata.name,
        ...(metadata.namespace ? { namespace: metadata.namespace } : {}),
        ...(uid ? { uid } : {}),
        ...(resourceVersion ? { resourceVersion } : {}),
      },
      reportingController: CONTROLLER,
      reportingInstance: this.options.instance.slice(0, 128),
    };
  }

  #name(about: string, text: EventText, now: number, name: string): string {
    const hash = createHash('sha256').update(`${about}\n${text.reason}\n${text.note}\n${now}\n${this.options.instance}`);
    return `${name.slice(0, 200)}.${hash.digest('hex').slice(0, 16)}`;
  }

  #remember(key: string, series: Series): void {
    this.#known.delete(key);
    if (this.#known.size >= EVENTS_KNOWN_COUNT) this.#known.delete(this.#known.keys().next().value!);
    this.#known.set(key, series);
  }

  /** A bucket for each object: a burst, then one in each interval. */
  #allowed(about: string, now: number): boolean {
    const { left, at } = this.#allowance.get(about) ?? { left: EVENTS_BURST_COUNT, at: now };
    const earned = Math.floor((now - at) / EVENTS_INTERVAL_MS);
    const available = Math.min(EVENTS_BURST_COUNT, left + earned);
    this.#allowance.delete(about);
    if (this.#allowance.size >= EVENTS_KNOWN_COUNT) this.#allowance.delete(this.#allowance.keys().next().value!);
    this.#allowance.set(about, { left: Math.max(available - 1, 0), at: at + earned * EVENTS_INTERVAL_MS });
    return available > 0;
  }

  #send(write: () => Promise<unknown>): void {
    if (this.#pending.length >= EVENTS_PENDING_COUNT) {
      this.counts.dropped += 1;
      return;
    }
    this.#pending.push(write);
    this.#sending ??= this.#drain();
  }

  async #drain(): Promise<void> {
    for (let write = this.#pending.shift(); write; write = this.#pending.shift()) {
      try {
        await write();
        this.counts.written += 1;
      } catch (error) {
        this.counts.dropped += 1;
        this.options.log?.({ level: 'warn', message: `event: ${error instanceof Error ? error.message : String(error)}` });
      }
    }
    this.#sending = undefined;
  }
}
