/** Streams: whether they may still grow, what their pods left behind, and which may be archived. */
import type { AuditStream } from '@cairn/crds';
import {
  conditionsOf,
  keyOf,
  sameConditions,
  splitKey,
  type EventRecorder,
  type KubernetesClient,
  type Pod,
  type Reflector,
} from '../../kubernetes/index.js';
import { AUDIT_STREAMS, type ClusterState } from '../../state/index.js';
import { ARCHIVE_LABEL } from '../../state/resources.js';
import type { LeaderController, Leading } from '../leading.js';
import { streamStep, type StreamStep } from './decide.js';
import { LOOK_MS, WORKERS_COUNT } from './limits.js';

export interface StreamsOptions {
  client: KubernetesClient;
  state: Pick<ClusterState, 'streams'>;
  /** Agents' pods, index `uid`. */
  pods: Reflector<Pod>;
  events: Pick<EventRecorder, 'record'>;
  /** Milliseconds. */
  clock?: () => number;
  retentionSeconds?: number;
}

export function streams({ context, client }: Leading): LeaderController {
  const { state, caches, events } = context;
  return streamsController({ client, state, pods: caches.pods, events });
}

const hasEnded = ({ status }: Pod): boolean => status?.phase === 'Succeeded' || status?.phase === 'Failed';

export function podRuns(pods: Reflector<Pod>, uid: string): boolean {
  return pods.store.by('uid', uid).some((pod) => !hasEnded(pod));
}

export function streamsController(options: StreamsOptions): LeaderController {
  const { state, pods, clock = Date.now, retentionSeconds } = options;
  return {
    name: 'streams',
    workers: WORKERS_COUNT,
    async reconcile(key) {
      const stream = state.streams.store.byKey(key);
      if (!stream) return undefined;
      const now = clock();
      const facts = { stream, podRuns: podRuns(pods, stream.spec.pod.uid), now };
      const step = streamStep({ ...facts, ...(retentionSeconds === undefined ? {} : { retentionSeconds }) });
      return act(options, stream, step, now);
    },
    feed(queue) {
      const add = (object: AuditStream): void => queue.add(keyOf(object));
      const ofPod = (pod: Pod): void => state.streams.store.by('pod', pod.metadata.uid!).forEach(add);
      const ends = [
        state.streams.subscribe({ added: add, updated: (after, before) => void (changedSpec(after, before) && add(after)) }),
        pods.subscribe({ added: ofPod, updated: (pod) => void (hasEnded(pod) && ofPod(pod)), deleted: ofPod }),
      ];
      return () => ends.forEach((end) => end());
    },
  };
}

/** A checkpoint every few seconds of every stream says nothing new here. */
function changedSpec(after: AuditStream, before: AuditStream): boolean {
  return after.metadata.generation !== before.metadata.generation || after.status?.state !== before.status?.state;
}

async function act(
  { client, events }: StreamsOptions,
  stream: AuditStream,
  step: StreamStep,
  now: number,
): Promise<{ afterMs: number } | undefined> {
  const { generation } = stream.metadata;
  const key = splitKey(keyOf(stream));
  if (step.kind === 'Archive') {
    // The operator deletes nothing that its evidence is held against; people do, once they have a copy.
    if (stream.metadata.labels?.[ARCHIVE_LABEL] !== 'true') {
      await client.mergePatch(AUDIT_STREAMS, key, { metadata: { labels: { [ARCHIVE_LABEL]: 'true' } } });
    }
    return undefined;
  }
  const { state, observation, afterMs } = step;
  const conditions = conditionsOf(stream.status?.conditions, [observation], generation, new Date(now).toISOString());
  if (stream.status?.state !== state || !sameConditions(stream.status?.conditions, conditions)) {
    // Without a version: only this controller writes these fields, and checkpoints come all the time.
    await client.mergePatch(AUDIT_STREAMS, key, { status: { state, conditions } }, { subresource: 'status' });
    if (state === 'Lost' && stream.status?.state !== 'Lost') tell(events, stream, observation.message);
  }
  return afterMs === undefined ? undefined : { afterMs: Math.min(LOOK_MS, afterMs) };
}

function tell(events: Pick<EventRecorder, 'record'>, { metadata }: AuditStream, note: string): void {
  events.record({ resource: AUDIT_STREAMS, metadata }, { type: 'Warning', reason: 'StreamLost', action: 'Witness', note });
}
