/** What a launch's status says, and when a whole chain is cleared away. Pure. */
import type { AgentLaunch, AuditStream } from '@cairn/crds';
import { GRACE_SECONDS, RETENTION_SECONDS, TOKEN_SECONDS } from './limits.js';

export interface LaunchFacts {
  launch: AgentLaunch;
  /** Launches of the same chain, this one too. */
  chain: readonly AgentLaunch[];
  /** Streams of its pod. */
  streams: readonly AuditStream[];
  podRuns: boolean;
  /** Milliseconds. */
  now: number;
  retentionSeconds?: number;
}

export type LaunchStatus = Pick<NonNullable<AgentLaunch['status']>, 'streams' | 'lastCheckpoint' | 'coverage' | 'ended'>;
export type LaunchStep = { kind: 'Delete' } | { kind: 'Status'; status: LaunchStatus; afterMs?: number };

function coverageOf(streams: readonly AuditStream[], runs: boolean): 'Complete' | 'Partial' | 'Unknown' {
  if (streams.some(({ status }) => status?.state === 'Lost')) return 'Partial';
  const closed = streams.length > 0 && streams.every(({ spec }) => spec.closed !== undefined);
  return closed && !runs ? 'Complete' : 'Unknown';
}

/** Of its pod's streams the one that was witnessed last. */
function newest(streams: readonly AuditStream[]): LaunchStatus['lastCheckpoint'] {
  const heads = streams.flatMap(({ metadata, status }) =>
    status?.lastCheckpoint ? [{ ...status.lastCheckpoint, stream: metadata.name }] : [],
  );
  return heads.toSorted((one, other) => Date.parse(one.time) - Date.parse(other.time)).at(-1);
}

/** When the last launch of a chain ended, milliseconds; undefined while one may act: those below a launch outlive it. */
function chainEnd(chain: readonly AgentLaunch[]): number | undefined {
  const ends = chain.map(({ status }) => (status?.ended ? Date.parse(status.ended) : Number.POSITIVE_INFINITY));
  const end = Math.max(...ends);
  return Number.isFinite(end) ? end : undefined;
}

/** How long a launch is kept after its chain ended: one that somebody deletes only as long as a token may still be about. */
function keptSeconds({ metadata }: AgentLaunch, retentionSeconds: number): number {
  return metadata.deletionTimestamp ? Math.min(TOKEN_SECONDS, retentionSeconds) : retentionSeconds;
}

/** A launch may be heard of before its pod is. */
function isYoung({ metadata }: AgentLaunch, now: number): boolean {
  return now - Date.parse(metadata.creationTimestamp!) < GRACE_SECONDS * 1000;
}

export function launchStep({ launch, chain, streams, podRuns, now, retentionSeconds = RETENTION_SECONDS }: LaunchFacts): LaunchStep {
  const young = isYoung(launch, now);
  const gone = !podRuns && !young;
  const end = gone ? chainEnd(chain) : undefined;
  const due = end === undefined ? undefined : end + keptSeconds(launch, retentionSeconds) * 1000;
  if (due !== undefined && now >= due) return { kind: 'Delete' };
  const lastCheckpoint = newest(streams);
  const ended = launch.status?.ended ?? (gone ? new Date(now).toISOString() : undefined);
  const status = {
    streams: streams.length,
    coverage: coverageOf(streams, podRuns),
    ...(lastCheckpoint ? { lastCheckpoint } : {}),
    ...(ended ? { ended } : {}),
  };
  if (due !== undefined) return { kind: 'Status', status, afterMs: due - now };
  return { kind: 'Status', status, ...(young && !podRuns ? { afterMs: GRACE_SECONDS * 1000 } : {}) };
}
