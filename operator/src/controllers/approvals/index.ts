/** Approvals: told where they stand, expired in time, cleared away after retention. Decided they are without this controller. */
import type { ApprovalObject } from '@cairn/crds';
import { conditionsOf, keyOf, sameConditions, splitKey, type KubernetesClient } from '../../kubernetes/index.js';
import { approvalOf } from '../../service/approvals/object.js';
import { signedVotes } from '../../service/approvals/signature.js';
import { APPROVALS, type ClusterState } from '../../state/index.js';
import type { LeaderController, Leading } from '../leading.js';
import { approvalStep, isSaid, type ApprovalStep } from './decide.js';
import { LOOK_MS, WORKERS_COUNT } from './limits.js';

export interface ApprovalsOptions {
  client: KubernetesClient;
  state: Pick<ClusterState, 'approvals' | 'keys'>;
  /** Milliseconds. */
  clock?: () => number;
  retentionSeconds?: number;
}

export function approvals({ context, client }: Leading): LeaderController {
  return approvalsController({ client, state: context.state });
}

export function approvalsController(options: ApprovalsOptions): LeaderController {
  const { client, state, clock = Date.now, retentionSeconds } = options;
  const { store } = state.approvals;
  return {
    name: 'approvals',
    workers: WORKERS_COUNT,
    async reconcile(key) {
      const object = store.byKey(key);
      if (!object) return undefined;
      const votes = await signedVotes(object, state.keys().jwks());
      const now = clock();
      const step = approvalStep(approvalOf(object, votes, now), now, retentionSeconds);
      return act(client, object, step, now);
    },
    feed(queue) {
      const add = (object: ApprovalObject): void => queue.add(keyOf(object));
      return state.approvals.subscribe({ added: add, updated: add });
    },
  };
}

async function act(
  client: KubernetesClient,
  object: ApprovalObject,
  step: ApprovalStep,
  now: number,
): Promise<{ afterMs: number } | undefined> {
  const { uid, resourceVersion, generation } = object.metadata;
  if (step.kind === 'Delete') {
    await client.delete(APPROVALS, splitKey(keyOf(object)), { ...(uid ? { uid } : {}) });
    return undefined;
  }
  const { state, expires, observation } = step;
  const conditions = conditionsOf(object.status?.conditions, [observation], generation, new Date(now).toISOString());
  if (!isSaid(object, step) || !sameConditions(object.status?.conditions, conditions)) {
    const status = { state, expires, conditions, ...(generation === undefined ? {} : { observedGeneration: generation }) };
    // Against the version that was looked at: a vote or a use may have come meanwhile.
    await client.mergePatch(APPROVALS, splitKey(keyOf(object)), { metadata: { resourceVersion }, status }, { subresource: 'status' });
  }
  return { afterMs: Math.min(LOOK_MS, step.afterMs) };
}
