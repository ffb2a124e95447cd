/** Every metric of the control-plane service, by name. */
import type { RequestHandler } from 'express';
import { Counter, Gauge, Registry } from 'prom-client';
import type { Changes } from './changes.js';

export interface Metrics {
  readonly registry: Registry;
  readonly requests: Counter<'method' | 'route' | 'status'>;
  /** `result`: launched, logged-in, or the OAuth error. */
  readonly exchanges: Counter<'result'>;
  readonly approvals: Counter<'state'>;
  readonly uncaptured: Counter;
}

export function createMetrics(changes: Changes): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const waiters: Gauge = new Gauge({
    name: 'cairn_operator_waiters',
    help: 'Long polls held',
    registers,
    collect: () => waiters.set(changes.waiting),
  });
  return {
    registry,
    requests: new Counter({
      name: 'cairn_operator_requests_total',
      help: 'Requests answered',
      labelNames: ['method', 'route', 'status'],
      registers,
    }),
    exchanges: new Counter({ name: 'cairn_operator_exchanges_total', help: 'Token exchanges', labelNames: ['result'], registers }),
    approvals: new Counter({
      name: 'cairn_operator_approvals_total',
      help: 'Approvals that came to a state',
      labelNames: ['state'],
      registers,
    }),
    uncaptured: new Counter({
      name: 'cairn_operator_uncaptured_connections_total',
      help: 'Connections that went past their sidecar, as sidecars told',
      registers,
    }),
  };
}

/** Counts by the route's pattern: paths themselves carry ids and would have no bound. */
export function requestCount(metrics: Metrics): RequestHandler {
  return (request, response, next) => {
    response.on('close', () => {
      const route = (request.route as { path: string } | undefined)?.path ?? 'none';
      metrics.requests.inc({ method: request.method, route, status: String(response.statusCode) });
    });
    next();
  };
}
