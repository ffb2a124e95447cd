/** Limits of what the operator is asked and may answer. */

/** A request to the operator, milliseconds; long polls add what they wait for. */
export const OPERATOR_TIMEOUT_MS = 10_000;
/** An answer of the operator, bytes. */
export const MAX_ANSWER_BYTES = 8 * 1024 * 1024;
/** Connections to the operator at once. */
export const MAX_SOCKETS = 16;
/** Long poll for bundles, revocations and approvals, seconds. */
export const POLL_SECONDS = 25;
/** Pause after a failed poll, milliseconds; doubles up to the second number. */
export const RETRY_MS = { first: 250, most: 10_000 } as const;
/** Launches of this pod that are remembered at a time. */
export const MAX_LAUNCHES = 10_000;
/** A launch token is renewed this long before it expires, seconds. */
export const RENEW_BEFORE_SECONDS = 30;
/** Between two looks for launch tokens that expire soon, milliseconds; well below RENEW_BEFORE_SECONDS, so that a failed renewal is tried again. */
export const RENEWAL_LOOK_MS = 5_000;
