/** Which pod a sidecar's own token belongs to, by the API server and what the cluster holds now. */
import { IdentityError, type PodReference, type Workload, type WorkloadVerifier } from '@cairn/identity';
import type { ReviewedUser, TokenReviews } from './reviews.js';

/** How a pod stands in the cluster, from the operator's caches; `absent` also where another pod has its name by now. */
export type PodStanding = 'present' | 'terminating' | 'absent';

const POD_NAME = 'authentication.kubernetes.io/pod-name';
const POD_UID = 'authentication.kubernetes.io/pod-uid';
const NODE_NAME = 'authentication.kubernetes.io/node-name';
const SERVICE_ACCOUNT = /^system:serviceaccount:([^:]+):([^:]+)$/;

/** Namespace and name of a service account; undefined: somebody else. */
function serviceAccountOf(username: string): { namespace: string; name: string } | undefined {
  const [, namespace, name] = SERVICE_ACCOUNT.exec(username) ?? [];
  return namespace && name ? { namespace, name } : undefined;
}

/** The pod that a token is bound to, as the API server says; undefined: to none. */
export function boundPod({ username, extra }: ReviewedUser): PodReference | undefined {
  const account = serviceAccountOf(username);
  const [name, uid] = [extra[POD_NAME]?.[0], extra[POD_UID]?.[0]];
  return account && name && uid ? { namespace: account.namespace, name, uid } : undefined;
}

/**
 * Verifies projected service account tokens by TokenReview. The pod must still exist; one that terminates is said to, as
 * it may finish its evidence but start nothing.
 */
export function createReviewedWorkloads(
  reviews: TokenReviews,
  standingOf: (pod: PodReference) => PodStanding | Promise<PodStanding>,
): WorkloadVerifier {
  return {
    async verify(token): Promise<Workload> {
      const user = await reviews.userOf(token);
      const [pod, account] = [boundPod(user), serviceAccountOf(user.username)];
      if (!pod || !account) throw new IdentityError('claims', 'the workload token is not bound to a pod');
      const standing = await standingOf(pod);
      if (standing === 'absent') throw new IdentityError('revoked', `pod ${pod.namespace}/${pod.name} is not there any more`);
      const node = user.extra[NODE_NAME]?.[0];
      return { pod, serviceAccount: account.name, ...(node ? { node } : {}), ...(standing === 'terminating' ? { standing } : {}) };
    },
  };
}
