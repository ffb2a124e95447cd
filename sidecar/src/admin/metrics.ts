/** Every metric of the sidecar, by name. */
import type { Action } from '@cairn/crds';
import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client';
import type { Tally } from '../record/tally.js';

export interface Metrics {
  readonly registry: Registry;
  readonly refusedNames: Counter;
  readonly uncaptured: Counter;
}

export interface MetricSources {
  tally: Tally;
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
  countExchanges(registers, sources.tally);
  return {
    registry,
    refusedNames: new Counter({ name: 'cairn_sidecar_dns_refused_total', help: 'Lookups of names that no policy declares', registers }),
    uncaptured: new Counter({
      name: 'cairn_sidecar_uncaptured_connections_total',
      help: 'Connections that went past the sidecar, because the capture rules do not hold',
      registers,
    }),
  };
}

const ACTIONS: readonly Action[] = ['Allow', 'Deny', 'RequireApproval'];

function countExchanges(registers: Registry[], tally: Tally): void {
  new Counter({
    name: 'cairn_sidecar_exchanges_total',
    help: 'Exchanges recorded, by what policy said',
    labelNames: ['protocol', 'action'] as const,
    registers,
    collect() {
      this.reset();
      for (const [protocol, counts] of tally.entries()) for (const action of ACTIONS) this.inc({ protocol, action }, counts[action]);
    },
  });
  new Counter({
    name: 'cairn_sidecar_completions_total',
    help: 'Exchanges completed',
    labelNames: ['protocol'] as const,
    registers,
    collect() {
      this.reset();
      for (const [protocol, { completed }] of tally.entries()) this.inc({ protocol }, completed);
    },
  });
}
