/** Bounds of what a policy's status shows. */

/** Problems told in one condition. */
export const PROBLEMS_SHOWN_COUNT = 5;
/** Names listed in one condition. */
export const NAMES_SHOWN_COUNT = 5;
/** Characters of a condition's message: the API server takes 32 Ki. */
export const MESSAGE_CHARACTERS = 4096;
/** Policies worked on at once. */
export const WORKERS_COUNT = 4;
