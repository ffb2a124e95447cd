/** Bounds of asking the API server about tokens. */

/** Answers that are remembered, by the token's hash. */
export const REVIEWS_REMEMBERED = 20_000;
/** How long an answer is believed: a service account or pod that is gone is noticed within this. */
export const REVIEW_SECONDS = 60;
/** Questions to the API server at one time; one more is refused, so that junk cannot hammer it. */
export const REVIEWS_RUNNING = 64;
export const REVIEW_TOKEN_CHARACTERS = 12 * 1024;
/** Milliseconds for one answer of the API server. */
export const REVIEW_MS = 5_000;
