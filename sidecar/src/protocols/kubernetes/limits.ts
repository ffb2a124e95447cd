/** Limits of the Kubernetes API. */

/** Levels of an answer in which names are read for the record. */
export const MAX_READ_DEPTH = 3;
/** A remote command's exit status or a resize, bytes. */
export const MAX_STATUS_BYTES = 64 * 1024;
/** Why a remote command could not run, characters. */
export const MAX_ERROR_CHARS = 1024;
/** Characters of a member's name or a resourceVersion that are read. */
export const MAX_VERSION_CHARS = 128;
/** A SPDY control frame, bytes. */
export const MAX_SPDY_CONTROL_BYTES = 16 * 1024;
/** A SPDY header block, inflated, bytes. */
export const MAX_SPDY_HEADER_BYTES = 64 * 1024;
/** Headers of one SPDY stream. */
export const MAX_SPDY_FIELDS = 64;
/** Streams of one remote command: it has five. */
export const MAX_COMMAND_STREAMS = 16;
/** Different ports that one session forwards to. */
export const MAX_FORWARDED_PORTS = 256;
