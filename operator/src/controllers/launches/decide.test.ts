import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AgentLaunch, AuditStream } from '@cairn/crds';
import { launchStep, type LaunchFacts } from './decide.js';
import { GRACE_SECONDS, TOKEN_SECONDS } from './limits.js';

const START = Date.parse('2026-11-22T10:00:00Z');
const RETENTION = 100_000;
const time = (seconds: number): string => new Date(START + seconds * 1000).toISOString();
const launch = (ended?: number, more = {}): AgentLaunch =>
  ({
    metadata: { creationTimestamp: time(0), ...more },
    spec: {},
    ...(ended === undefined ? {} : { status: { ended: time(ended) } }),
  }) as AgentLaunch;
const stream = (name: string, state: string, last: number): AuditStream =>
  ({
    metadata: { name },
    spec: state === 'Closed' ? { closed: time(last) } : {},
    status: { state, lastCheckpoint: { size: 3, root: 'r', time: time(last) } },
  }) as AuditStream;

const step = (seconds: number, facts: Partial<LaunchFacts>) =>
  launchStep({
    launch: launch(),
    chain: [launch()],
    streams: [],
    podRuns: false,
    now: START + seconds * 1000,
    retentionSeconds: RETENTION,
    ...facts,
  });

test('a launch ends when its pod is gone, not when its pod is not heard of yet', () => {
  const young = step(GRACE_SECONDS - 1, {});
  assert.deepEqual([young.kind === 'Status' && young.status.ended, 'afterMs' in young], [undefined, true]);
  const old = step(GRACE_SECONDS, {});
  assert.equal(old.kind === 'Status' && old.status.ended, time(GRACE_SECONDS));
  const running = step(5000, { podRuns: true });
  assert.equal(running.kind === 'Status' && running.status.ended, undefined);
});

test('coverage is what the streams of its pod say', () => {
  const coverage = (streams: AuditStream[], podRuns: boolean): string | undefined | false => {
    const each = step(5000, { streams, podRuns });
    return each.kind === 'Status' && each.status.coverage;
  };
  assert.equal(coverage([stream('a', 'Closed', 1)], false), 'Complete');
  assert.equal(coverage([stream('a', 'Closed', 1)], true), 'Unknown');
  assert.equal(coverage([stream('a', 'Closed', 1), stream('b', 'Lost', 2)], false), 'Partial');
  assert.equal(coverage([], false), 'Unknown');
  const newest = step(5000, { streams: [stream('a', 'Closed', 9), stream('b', 'Open', 5)], podRuns: true });
  assert.equal(newest.kind === 'Status' && newest.status.lastCheckpoint?.stream, 'a');
});

test('a chain is cleared away as a whole, after retention; while one of it runs, all of it stays', () => {
  const parent = launch(100);
  const at = (seconds: number, child: AgentLaunch): string => step(seconds, { launch: parent, chain: [parent, child] }).kind;
  assert.equal(at(500_000, launch()), 'Status', 'the child runs');
  assert.equal(at(200 + RETENTION - 1, launch(200)), 'Status');
  assert.equal(at(200 + RETENTION, launch(200)), 'Delete');
});

test('a revoked launch that somebody deletes stays as long as a token may be about', () => {
  const deleted = launch(100, { deletionTimestamp: time(150) });
  const at = (seconds: number): string => step(seconds, { launch: deleted, chain: [deleted] }).kind;
  assert.deepEqual([at(100 + TOKEN_SECONDS - 1), at(100 + TOKEN_SECONDS)], ['Status', 'Delete']);
});
