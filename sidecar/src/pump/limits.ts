/** Limits of the byte pump. */

/** Bytes queued towards one peer before the other leg stops being read. */
export const HIGH_WATER_BYTES = 256 * 1024;
/** Dialling a target, milliseconds. */
export const CONNECT_TIMEOUT_MS = 10_000;
/** A TLS handshake on either leg, milliseconds. */
export const HANDSHAKE_TIMEOUT_MS = 10_000;
/** Nothing in either direction for so long ends a session, milliseconds. */
export const IDLE_TIMEOUT_MS = 60 * 60_000;
/** How long open sessions may go on while the sidecar stops, milliseconds. */
export const DRAIN_TIMEOUT_MS = 3_000;
/** How long a finished session's sockets may take to drain, milliseconds. */
export const LINGER_MS = 5_000;
/** How long a session that is cut may take to say its last words, milliseconds. */
export const CUT_TIMEOUT_MS = 1_000;
/** Resolution of idle and session deadlines, milliseconds. */
export const SWEEP_INTERVAL_MS = 1_000;
/** Connections of one sidecar at a time. */
export const MAX_CONNECTIONS = 10_000;
/** TLS contexts that are kept for the next connection. */
export const MAX_SECURE_CONTEXTS = 512;
/** Agent bytes that may arrive while its leg is being secured. */
export const MAX_HANDSHAKE_BYTES = 64 * 1024;
