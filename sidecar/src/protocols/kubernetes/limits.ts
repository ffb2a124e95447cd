/** Limits of the Kubernetes API. */

/** Levels of an answer in which names are read for the record. */
export const MAX_READ_DEPTH = 3;
/** Characters of a member's name or a resourceVersion that are read. */
export const MAX_VERSION_CHARS = 128;
