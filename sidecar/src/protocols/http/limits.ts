/** Limits of HTTP/1.1. */

/** Start line and fields of one message together, bytes. */
export const MAX_HEAD_BYTES = 64 * 1024;
/** Fields of one head or trailer section. */
export const MAX_FIELDS = 256;
/** Request-target, characters. */
export const MAX_TARGET_CHARS = 16 * 1024;
/** Method, characters. */
export const MAX_METHOD_CHARS = 32;
/** Trailer section, bytes. */
export const MAX_TRAILER_BYTES = 16 * 1024;
/** One chunk's size line with its extensions, bytes. */
export const MAX_CHUNK_LINE_BYTES = 1024;
/** Chunk extensions of one body together, bytes (CVE-2023-39326: a body made of extensions). */
export const MAX_CHUNK_EXTENSION_BYTES = 16 * 1024;
/** Hexadecimal digits of a chunk size: 2^52 bytes. */
export const MAX_CHUNK_SIZE_DIGITS = 13;
/** Requests forwarded on one connection whose responses are still to come. */
export const MAX_PIPELINED = 64;
/** Time that a begun head may take, milliseconds. */
export const HEAD_TIMEOUT_MS = 30_000;
/** A request that waits for approval is kept whole, bytes. */
export const MAX_HELD_REQUEST_BYTES = 8 * 1024 * 1024;
/** Rest of a refused request that is read so that the connection can be kept, bytes. */
export const MAX_DRAINED_BYTES = 64 * 1024;
/** Masked body kept back so that its length is known and a failure can still be told, bytes. */
export const MAX_MASKED_BUFFER_BYTES = 256 * 1024;
/** What a compressed response may grow to while it is masked, bytes. */
export const MAX_INFLATED_BYTES = 256 * 1024 * 1024;
/** One line or server-sent event, where text is searched line by line, bytes. */
export const MAX_MASKED_LINE_BYTES = 1024 * 1024;
/** Query parameters that an event names; the rest is told as a count. */
export const MAX_PARAMETERS = 64;
/** Characters of one query parameter's value in an event. */
export const MAX_PARAMETER_CHARS = 1024;
/** Characters of a path in an event. */
export const MAX_RESOURCE_CHARS = 4096;
/** How long an agent may take to close after its last answer, milliseconds. */
export const LINGER_MS = 30_000;
