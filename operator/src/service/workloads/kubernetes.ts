import type { KubernetesClient } from '../../kubernetes/index.js';
import { REVIEW_MS } from './limits.js';
import type { ReviewToken, TokenReviewStatus } from './reviews.js';

/** Asks the API server of `client`, which needs the right to create tokenreviews. */
export function reviewBy(client: KubernetesClient): ReviewToken {
  return async (token, audiences) => {
    const { status } = await client.request<{ status?: TokenReviewStatus }>({
      method: 'POST',
      path: '/apis/authentication.k8s.io/v1/tokenreviews',
      body: { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token, audiences } },
      timeoutMs: REVIEW_MS,
    });
    return status ?? {};
  };
}
