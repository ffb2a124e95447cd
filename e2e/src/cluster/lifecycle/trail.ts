/** What Kafka holds of the agents of this suite, as a ledger reads it, against what reached their counterpart. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openQuestions, type AuditEvent, type Report, type StreamCoverage } from '@cairn/audit';
import type { CairnInstallation } from '../../harness/cluster/cairn.js';
import type { Cluster } from '../../harness/cluster/index.js';
import { openEvidence, type Evidence } from '../main-job/evidence.js';
import { until } from '../main-job/until.js';
import type { Counterpart } from './counterpart.js';
import { EVIDENCE_MS } from './limits.js';
import { NAMESPACE } from './manifests.js';

/** Lines of a mismatch that are told. */
const TOLD = 20;

/** The trail as it is at one moment. */
export interface Seen {
  /** Oldest first. */
  events: AuditEvent[];
  /** What `cairn verify` says, with the API server's witness. */
  code: number | null;
  report: Report;
}

export class Trail {
  #latest: Promise<unknown> = Promise.resolve();
  #next: Promise<Seen> | undefined;

  private constructor(
    private readonly folder: string,
    private readonly evidence: Evidence,
  ) {}

  /** Over an empty ledger. `brokers`: Kafka as the machine reaches it. */
  static async open(cluster: Cluster, installed: CairnInstallation, brokers: string): Promise<Trail> {
    const folder = await mkdtemp(join(tmpdir(), 'cairn-lifecycle-'));
    return new Trail(folder, await openEvidence(cluster, installed, { brokers, folder, namespaces: [NAMESPACE] }));
  }

  close(): Promise<void> {
    return rm(this.folder, { recursive: true, force: true });
  }

  /** One at a time: all who ask during a look share the one that begins after it, and so after they asked. */
  look(): Promise<Seen> {
    return (this.#next ??= this.#latest.then(() => {
      this.#next = undefined;
      const now = this.#look();
      this.#latest = now.catch(() => undefined);
      return now;
    }));
  }

  async #look(): Promise<Seen> {
    const { code, report } = await this.evidence.report();
    const events = this.evidence.all().map(({ event }) => event);
    return { code, report, events: events.filter(({ agent }) => agent.namespace === NAMESPACE) };
  }

  /**
   * Resolves once all that reached the counterpart by now stands in the trail, each request once, the trail holds, and the streams of
   * the pods in `ended` are whole: closed, signed, every outcome there.
   */
  holds(counterpart: Counterpart, ended: readonly string[] = []): Promise<Seen> {
    const reached = [...counterpart.reached];
    return until('a trail that holds all that reached the counterpart', EVIDENCE_MS, async () => {
      const seen = await this.look();
      const { findings } = seen.report.integrity;
      const wrong = [
        ...mismatches(reached, seen),
        ...findings.map(({ sentence }) => sentence),
        ...ended.flatMap((pod) => openEnds(pod, seen)),
      ];
      if (wrong.length === 0 && seen.code === 0) return seen;
      throw new Error(`exit code ${seen.code}, ${wrong.length} mismatches:\n${wrong.slice(0, TOLD).join('\n')}`);
    });
  }
}

/** What differs between the requests that reached the counterpart and the intents that were recorded, a line for each path. */
export function mismatches(reached: readonly (readonly [path: string, times: number])[], { events }: Seen): string[] {
  const intents = new Map<string, number>();
  for (const { stage, operation } of events) {
    if (stage === 'intent' && operation) intents.set(operation.resource, (intents.get(operation.resource) ?? 0) + 1);
  }
  return reached.flatMap(([path, times]) => {
    const recorded = intents.get(path) ?? 0;
    return recorded === times ? [] : [`${path} was recorded ${recorded} times and arrived ${times} times`];
  });
}

/** What is covered of each stream of a pod, the oldest first. */
export function streamsOf(pod: string, { events, report }: Seen): StreamCoverage[] {
  const streams = new Set(events.filter(({ agent }) => agent.pod === pod).map(({ integrity }) => integrity.stream));
  return report.coverage.streams.filter(({ stream }) => streams.has(stream));
}

/** What the one stream of a pod that ended in an orderly way lacks. */
function openEnds(pod: string, seen: Seen): string[] {
  const streams = streamsOf(pod, seen);
  const whole = streams.length === 1 && streams.every((stream) => openQuestions(stream).length === 0);
  return whole ? [] : [`${pod} has ${streams.length} streams: ${streams.flatMap(openQuestions).join(', ')}`];
}
