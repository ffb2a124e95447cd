/** Limits of what is read of submitted objects. */

/** Bytes of a body that are read before its request is decided: what an API server takes at most (its own limit is 3 MiB). */
export const MAX_OBJECT_BYTES = 3 * 1024 * 1024;
/** Fields that an event names as set, or as removed; the rest is told as a count. */
export const MAX_CHANGES = 64;
/** Characters of one field's path, and of a name. */
export const MAX_FIELD_CHARS = 256;
/** Levels of a patch that are followed; what lies deeper is told as the field that holds it. */
export const MAX_FIELD_DEPTH = 32;
/** Levels of a whole object whose fields are told: its spec's, not all that lies in it. */
export const OBJECT_FIELD_DEPTH = 2;
/** Aliases that a YAML body may use. */
export const MAX_YAML_ALIASES = 100;
