export { reviewBy } from './kubernetes.js';
export { createTokenReviews, type ReviewToken, type TokenReviews, type TokenReviewStatus } from './reviews.js';
export { boundPod, createReviewedWorkloads, type PodStanding } from './verifier.js';
