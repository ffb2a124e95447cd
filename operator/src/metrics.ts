/** Every metric of the operator but those of its service, by name. */
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { ControllerOutcome, EventRecorder, ReflectorStatus } from './kubernetes/index.js';

export interface OperatorMetrics {
  readonly registry: Registry;
  /** It and those of the parts. */
  readonly registries: readonly Registry[];
  include(registry: Registry): void;
  /** Shows what is kept in memory of the cluster, and how old that may be. */
  watchReflector(name: string, reflector: ReflectorStatus): void;
  watchQueue(controller: string, queue: { readonly length: number; readonly retrying: number }): void;
  watchEvents(recorder: EventRecorder): void;
  watchLeader(leading: () => boolean): void;
  observeReconcile(outcome: ControllerOutcome): void;
  /** How much of one kind the watchdog found. */
  drift(kind: string, count: number): void;
}

const RECONCILE_SECONDS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5];

export function createMetrics(): OperatorMetrics {
  const registry = new Registry();
  const registers = [registry];
  const registries = [registry];
  collectDefaultMetrics({ register: registry });
  const reflectors = new Map<string, ReflectorStatus>();
  const queues = new Map<string, { readonly length: number; readonly retrying: number }>();
  let events: EventRecorder['counts'] = { written: 0, dropped: 0 };
  let leading = (): boolean => false;

  const gauge = (name: string, help: string, labelNames: string[], values: () => Iterable<[Record<string, string>, number]>): Gauge => {
    const each: Gauge = new Gauge({
      name,
      help,
      labelNames,
      registers,
      collect: () => {
        for (const [labels, value] of values()) each.set(labels, value);
      },
    });
    return each;
  };
  const ofReflectors = (value: (status: ReflectorStatus) => number) => (): [Record<string, string>, number][] =>
    [...reflectors].map(([resource, status]) => [{ resource }, value(status)]);
  const ofQueues = (value: (queue: { length: number; retrying: number }) => number) => (): [Record<string, string>, number][] =>
    [...queues].map(([controller, queue]) => [{ controller }, value(queue)]);

  gauge(
    'cairn_operator_cache_objects',
    'Objects kept in memory',
    ['resource'],
    ofReflectors(({ store }) => store.size),
  );
  gauge(
    'cairn_operator_cache_staleness_seconds',
    'Time since the API server last gave a sign of life on the resource',
    ['resource'],
    ofReflectors(({ stalenessSeconds }) => stalenessSeconds),
  );
  gauge(
    'cairn_operator_cache_synced',
    '1 once the first list is complete',
    ['resource'],
    ofReflectors(({ synced }) => Number(synced)),
  );
  gauge(
    'cairn_operator_cache_lists',
    'Lists since the start',
    ['resource'],
    ofReflectors(({ counts }) => counts.lists),
  );
  gauge(
    'cairn_operator_cache_watches',
    'Watches since the start',
    ['resource'],
    ofReflectors(({ counts }) => counts.watches),
  );
  gauge(
    'cairn_operator_cache_failures',
    'Lists and watches that failed',
    ['resource'],
    ofReflectors(({ counts }) => counts.failures),
  );
  gauge(
    'cairn_operator_queue_keys',
    'Keys that wait to be reconciled',
    ['controller'],
    ofQueues(({ length }) => length),
  );
  gauge(
    'cairn_operator_queue_retrying',
    'Keys whose last reconcile failed',
    ['controller'],
    ofQueues(({ retrying }) => retrying),
  );
  gauge('cairn_operator_leader', '1 while this replica reconciles', [], () => [[{}, Number(leading())]]);
  gauge('cairn_operator_events_written', 'Events written', [], () => [[{}, events.written]]);
  gauge('cairn_operator_events_dropped', 'Events that were not written', [], () => [[{}, events.dropped]]);
  const reconciles = new Counter({
    name: 'cairn_operator_reconciles_total',
    help: 'Reconciles by outcome',
    labelNames: ['controller', 'result'],
    registers,
  });
  const seconds = new Histogram({
    name: 'cairn_operator_reconcile_seconds',
    help: 'How long a reconcile took',
    labelNames: ['controller'],
    buckets: RECONCILE_SECONDS,
    registers,
  });
  const drifted = new Gauge({
    name: 'cairn_operator_drift',
    help: 'What is not as the installation needs it',
    labelNames: ['kind'],
    registers,
  });
  return {
    registry,
    registries,
    include: (other) => void registries.push(other),
    watchReflector: (name, reflector) => void reflectors.set(name, reflector),
    watchQueue: (controller, queue) => void queues.set(controller, queue),
    watchEvents: (recorder) => void (events = recorder.counts),
    watchLeader: (ask) => void (leading = ask),
    drift: (kind, count) => drifted.set({ kind }, count),
    observeReconcile: ({ controller, result, seconds: took }) => {
      reconciles.inc({ controller, result });
      seconds.observe({ controller }, took);
    },
  };
}
