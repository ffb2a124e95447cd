/** Bounds of the admission webhook, each with its unit. */

/** A review carries the object and the one before it; the API server takes objects of up to 3 MiB. */
export const REVIEW_BYTES = 8 * 1024 * 1024;
/** Characters of a request's UID. */
export const UID_CHARACTERS = 128;
/** Warnings of one answer, and characters of each; kubectl shows 256 well, the API server cuts at 4096 together. */
export const WARNINGS_COUNT = 8;
export const WARNING_CHARACTERS = 480;
/** Characters of a refusal. */
export const MESSAGE_CHARACTERS = 4096;
export const HEADER_BYTES = 32 * 1024;
/** How long open requests may take once the server closes, milliseconds. */
export const CLOSE_GRACE_MS = 500;
/** Calls of the webhook's code before it is asked: enough for V8 to have compiled it, in under a second. */
export const REHEARSED_CALLS = 500;
