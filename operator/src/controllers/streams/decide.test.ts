import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AuditStream } from '@cairn/crds';
import { streamStep } from './decide.js';
import { GRACE_SECONDS } from './limits.js';

const START = Date.parse('2026-11-22T10:00:00Z');
const time = (seconds: number): string => new Date(START + seconds * 1000).toISOString();
const stream = (last: number, closed?: number): AuditStream =>
  ({
    metadata: { name: 's', namespace: 'n' },
    spec: { keys: [{ time: time(0) }], pod: { name: 'p', uid: 'u' }, ...(closed === undefined ? {} : { closed: time(closed) }) },
    status: { lastCheckpoint: { size: 7, root: 'r', time: time(last) } },
  }) as unknown as AuditStream;

const CASES: [string, AuditStream, boolean, number, string, string][] = [
  ['a stream of a pod that runs may grow', stream(10), true, 10_000, 'Open', 'Open'],
  ['a pod that has just gone may have said something yet', stream(10), false, 10 + GRACE_SECONDS - 1, 'Open', 'PodGone'],
  ['a stream that nobody closed is lost', stream(10), false, 10 + GRACE_SECONDS, 'Lost', 'NotClosed'],
  ['a closed stream is covered, with its pod or without', stream(10, 11), false, 1000, 'Closed', 'Closed'],
];

for (const [name, object, podRuns, seconds, state, reason] of CASES) {
  test(name, () => {
    const step = streamStep({ stream: object, podRuns, now: START + seconds * 1000, retentionSeconds: 5000 });
    assert.equal(step.kind, 'Status');
    assert.deepEqual(step.kind === 'Status' && [step.state, step.observation.reason], [state, reason]);
  });
}

test('it is for the archive after retention, never while its pod runs', () => {
  const at = (podRuns: boolean, seconds: number): string =>
    streamStep({ stream: stream(10), podRuns, now: START + seconds * 1000, retentionSeconds: 5000 }).kind;
  assert.deepEqual([at(false, 5009), at(false, 5010), at(true, 50_000)], ['Status', 'Archive', 'Status']);
});
