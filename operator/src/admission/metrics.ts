/** Every metric of the admission webhook, by name. */
import { Counter, Histogram, type Registry } from 'prom-client';

export interface AdmissionMetrics {
  /** `code`: the refusal's or skip's, `ok` where there is none. */
  readonly decisions: Counter<'webhook' | 'kind' | 'decision' | 'code'>;
  readonly seconds: Histogram<'webhook'>;
  /** Bodies that were no review. */
  readonly malformed: Counter<'reason'>;
}

export function createAdmissionMetrics(registry: Registry): AdmissionMetrics {
  const registers = [registry];
  return {
    decisions: new Counter({
      name: 'cairn_admission_decisions_total',
      help: 'Admission requests answered',
      labelNames: ['webhook', 'kind', 'decision', 'code'],
      registers,
    }),
    seconds: new Histogram({
      name: 'cairn_admission_duration_seconds',
      help: 'Time from a review read to its answer',
      labelNames: ['webhook'],
      buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 1],
      registers,
    }),
    malformed: new Counter({
      name: 'cairn_admission_malformed_total',
      help: 'Bodies that were no AdmissionReview',
      labelNames: ['reason'],
      registers,
    }),
  };
}
