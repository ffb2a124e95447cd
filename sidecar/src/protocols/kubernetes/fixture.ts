/** A cluster as a target, and a policy that lets everything pass: for tests. */
import type { Target, Verdict } from '@cairn/crds';

export const TARGET: Target = {
  name: 'cluster',
  protocol: 'kubernetes',
  hosts: ['kubernetes.default.svc'],
  port: 443,
  tls: { mode: 'Require' },
  forward: [],
  capture: { maxRows: 0, maxBytes: 1 << 20 },
  functions: { read: [] },
};
export const ALLOW: Verdict = { action: 'Allow', policy: 'p', rule: 'r', level: 'RequestResponse', delivery: 'Durable', mask: [] };
