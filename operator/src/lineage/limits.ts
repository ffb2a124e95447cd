/** Bounds of lineage, each with its unit. */

/** Groups of one principal that a grant carries, and their characters together: they travel in every launch token. */
export const GROUPS_COUNT = 200;
export const GROUPS_CHARACTERS = 4 * 1024;
export const GROUP_CHARACTERS = 256;
/** Longest user name or UID of the API server that is taken for a principal. */
export const NAME_CHARACTERS = 256;
/** A stamp that says the same and is younger than this many seconds is kept: the webhook was called again for one request. */
export const STAMP_REUSE_SECONDS = 30;
/** Lifetime of a grant in seconds: as long as a workload may stand unchanged. What ends it is a change, or a revocation. */
export const GRANT_SECONDS = 5 * 365 * 24 * 60 * 60;
/** Service accounts that are trusted to pass grants on, and kinds of each. */
export const TRUSTED_CONTROLLERS_COUNT = 64;
export const TRUSTED_KINDS_COUNT = 16;
/** How long an admission waits for a launch that this replica has not heard of, milliseconds: less than the webhook's time-out. */
export const LAUNCH_HEARD_MS = 2000;
