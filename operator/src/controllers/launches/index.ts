/** Launches: what of their evidence is witnessed, when they ended, cleared away by whole chains after retention. */
import { isDeepStrictEqual } from 'node:util';
import type { AgentLaunch, AuditStream } from '@cairn/crds';
import { keyOf, splitKey, type KubernetesClient, type Pod, type Reflector } from '../../kubernetes/index.js';
import { AGENT_LAUNCHES, type ClusterState } from '../../state/index.js';
import { REVOCATION_FINALIZER } from '../../state/resources.js';
import type { LeaderController, Leading } from '../leading.js';
import { podRuns } from '../streams/index.js';
import { launchStep, type LaunchStatus } from './decide.js';
import { LOOK_MS, STATUS_MS, WORKERS_COUNT } from './limits.js';

export interface LaunchesOptions {
  client: KubernetesClient;
  state: Pick<ClusterState, 'launches' | 'streams'>;
  /** Agents' pods, index `uid`. */
  pods: Reflector<Pod>;
  /** Milliseconds. */
  clock?: () => number;
  retentionSeconds?: number;
}

export function launches({ context, client }: Leading): LeaderController {
  return launchesController({ client, state: context.state, pods: context.caches.pods });
}

export function launchesController(options: LaunchesOptions): LeaderController {
  const { state, pods, clock = Date.now, retentionSeconds } = options;
  return {
    name: 'launches',
    workers: WORKERS_COUNT,
    async reconcile(key) {
      const launch = state.launches.store.byKey(key);
      if (!launch) return undefined;
      const { pod, launch: run } = launch.spec;
      const step = launchStep({
        launch,
        chain: state.launches.store.by('chain', run.chain),
        streams: state.streams.store.by('pod', pod.uid),
        podRuns: podRuns(pods, pod.uid),
        now: clock(),
        ...(retentionSeconds === undefined ? {} : { retentionSeconds }),
      });
      if (step.kind === 'Delete') return remove(options, launch);
      await mark(options, launch, step.status);
      return step.afterMs === undefined ? undefined : { afterMs: Math.min(LOOK_MS, step.afterMs) };
    },
    feed(queue) {
      const add = (object: AgentLaunch): void => queue.add(keyOf(object));
      const ofPod = (uid: string, afterMs: number): void =>
        state.launches.store.by('pod', uid).forEach((object) => queue.addAfter(keyOf(object), afterMs));
      const ofStream = ({ spec }: AuditStream): void => ofPod(spec.pod.uid, STATUS_MS);
      const ofChain = ({ spec }: AgentLaunch): void => state.launches.store.by('chain', spec.launch.chain).forEach(add);
      const gone = (pod: Pod): void => ofPod(pod.metadata.uid!, 0);
      const ends = [
        state.launches.subscribe({
          added: add,
          updated: (after, before) => (after.status?.ended === before.status?.ended ? add(after) : ofChain(after)),
        }),
        state.streams.subscribe({
          added: (stream) => ofStream(stream),
          updated: (after, before) => (after.status?.state === before.status?.state ? ofStream(after) : ofPod(after.spec.pod.uid, 0)),
        }),
        pods.subscribe({ updated: gone, deleted: gone }),
      ];
      return () => ends.forEach((end) => end());
    },
  };
}

async function mark({ client }: LaunchesOptions, launch: AgentLaunch, status: LaunchStatus): Promise<void> {
  const { streams, lastCheckpoint, coverage, ended } = launch.status ?? {};
  const said: LaunchStatus = {
    ...(streams === undefined ? {} : { streams }),
    ...(coverage ? { coverage } : {}),
    ...(lastCheckpoint ? { lastCheckpoint } : {}),
    ...(ended ? { ended } : {}),
  };
  // A revocation by kubectl has not brought its finalizer along.
  const { finalizers = [], deletionTimestamp, resourceVersion } = launch.metadata;
  if (launch.spec.revoked && !deletionTimestamp && !finalizers.includes(REVOCATION_FINALIZER)) {
    const metadata = { resourceVersion, finalizers: [...finalizers, REVOCATION_FINALIZER] };
    await client.mergePatch(AGENT_LAUNCHES, splitKey(keyOf(launch)), { metadata });
  }
  if (!isDeepStrictEqual(said, status))
    await client.mergePatch(AGENT_LAUNCHES, splitKey(keyOf(launch)), { status }, { subresource: 'status' });
}

/** Nothing of the chain can act any more: its revocations may go. */
async function remove({ client }: LaunchesOptions, launch: AgentLaunch): Promise<undefined> {
  const { finalizers = [], resourceVersion, uid } = launch.metadata;
  const key = splitKey(keyOf(launch));
  if (finalizers.includes(REVOCATION_FINALIZER)) {
    const others = finalizers.filter((each) => each !== REVOCATION_FINALIZER);
    await client.mergePatch(AGENT_LAUNCHES, key, { metadata: { resourceVersion, finalizers: others } });
  }
  await client.delete(AGENT_LAUNCHES, key, { ...(uid ? { uid } : {}) });
}
