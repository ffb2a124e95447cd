/** Limits of the listeners. */

/** How long DNS clients may keep an answer, seconds. */
export const DNS_TTL_SECONDS = 30;
/** A DNS query over UDP, bytes (RFC 6891 advises 4096 as the largest). */
export const MAX_DNS_QUERY_BYTES = 4096;
/** Head of a CONNECT or absolute-form request to the explicit proxy, bytes. */
export const MAX_PROXY_HEAD_BYTES = 64 * 1024;
/** How long the first bytes of a connection may take, milliseconds. */
export const FIRST_BYTES_TIMEOUT_MS = 30_000;
/** How long a refused connection may stay open after its answer, milliseconds. */
export const FAREWELL_TIMEOUT_MS = 5_000;
/** Bytes of an inbound request or response body that are kept under seal. */
export const MAX_INBOUND_BODY_BYTES = 1024 * 1024;
/** How long the context of a request whose caller went away stays open, milliseconds. */
export const ABANDONED_CONTEXT_MS = 30_000;
/** Between two looks at the pod's sockets for connections that go past the sidecar, milliseconds. */
export const WATCH_LOOK_MS = 2_000;
/** Lines of one table of sockets that are looked at. */
export const MAX_WATCHED_SOCKETS = 16_384;
/** Connections past the sidecar that are told of, and recorded, in one boot: the first says all there is to say. */
export const MAX_UNCAPTURED_TOLD = 256;
