/** Whether a stream may still grow, and when its object may be archived. Pure. */
import type { AuditStream } from '@cairn/crds';
import type { Observation } from '../../kubernetes/index.js';
import { GRACE_SECONDS, RETENTION_SECONDS } from './limits.js';

export interface StreamFacts {
  stream: AuditStream;
  /** Whether the stream's pod, by UID, is there and has not ended. */
  podRuns: boolean;
  /** Milliseconds. */
  now: number;
  retentionSeconds?: number;
}

export type StreamStep =
  | { kind: 'Archive' }
  | { kind: 'Status'; state: 'Open' | 'Closed' | 'Lost'; observation: Observation; afterMs?: number };

/** When the stream last gave a sign, milliseconds. */
function lastSign({ spec, status }: AuditStream): number {
  const times = [spec.closed, status?.lastCheckpoint?.time, ...spec.keys.map(({ time }) => time)];
  return Math.max(...times.map((time) => (time ? Date.parse(time) : 0)));
}

const covered = (status: Observation['status'], reason: string, message: string): Observation => ({
  type: 'Covered',
  status,
  reason,
  message,
});

export function streamStep({ stream, podRuns, now, retentionSeconds = RETENTION_SECONDS }: StreamFacts): StreamStep {
  const last = lastSign(stream);
  const due = last + retentionSeconds * 1000;
  const { closed } = stream.spec;
  if (!podRuns && now >= due) return { kind: 'Archive' };
  const { size = 0 } = stream.status?.lastCheckpoint ?? {};
  if (closed) {
    const message = `its sidecar wrote its last event and the witness saw ${size} events`;
    return { kind: 'Status', state: 'Closed', observation: covered('True', 'Closed', message), afterMs: Math.max(1, due - now) };
  }
  if (podRuns) return { kind: 'Status', state: 'Open', observation: covered('Unknown', 'Open', 'the stream may still grow') };
  // A pod may be gone from here before its sidecar's last words have come.
  const lost = last + GRACE_SECONDS * 1000;
  if (now < lost) {
    const observation = covered('Unknown', 'PodGone', 'its pod is gone; its last words may still come');
    return { kind: 'Status', state: 'Open', observation, afterMs: lost - now };
  }
  const message = `its pod is gone and nobody closed it: what came after its first ${size} events was not witnessed`;
  return { kind: 'Status', state: 'Lost', observation: covered('False', 'NotClosed', message), afterMs: Math.max(1, due - now) };
}
