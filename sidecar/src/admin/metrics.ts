/** Every metric of the sidecar, by name. */
import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client';

export interface Metrics {
  readonly registry: Registry;
  readonly exchanges: Counter<'protocol' | 'action'>;
  readonly completions: Counter<'protocol'>;
  readonly refusedNames: Counter;
}

export interface MetricSources {
  openSessions: () => number;
  openContexts: () => number;
  /** 1 while evidence cannot be written. */
  refusing: () => boolean;
  /** Bytes in the spool that Kafka has not acknowledged; undefined where nothing is shipped. */
  unshippedBytes: () => number | undefined;
}

export function createMetrics(sources: MetricSources): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const gauge = (name: string, help: string, read: () => number): void => {
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
  };
  gauge('cairn_sidecar_sessions_open', 'Sessions between the agent and its targets', sources.openSessions);
  gauge('cairn_sidecar_contexts_open', 'Inbound requests being served', sources.openContexts);
  gauge('cairn_sidecar_evidence_refusing', '1 while evidence cannot be written and new work is refused', () =>
    sources.refusing() ? 1 : 0,
  );
  gauge('cairn_sidecar_spool_unshipped_bytes', 'Bytes in the spool not yet acknowledged by Kafka', () => sources.unshippedBytes() ?? 0);
  return {
    registry,
    exchanges: new Counter({
      name: 'cairn_sidecar_exchanges_total',
      help: 'Exchanges recorded, by what policy said',
      labelNames: ['protocol', 'action'] as const,
      registers,
    }),
    completions: new Counter({
      name: 'cairn_sidecar_completions_total',
      help: 'Exchanges completed',
      labelNames: ['protocol'] as const,
      registers,
    }),
    refusedNames: new Counter({ name: 'cairn_sidecar_dns_refused_total', help: 'Lookups of names that no policy declares', registers }),
  };
}
