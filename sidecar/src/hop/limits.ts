/** Limits of the hop between a sidecar and the gateway. */

/** Payload of one frame, bytes; more data takes several. */
export const MAX_FRAME_BYTES = 256 * 1024;
/** A control message, bytes: a certificate chain or a launch token is the largest. */
export const MAX_CONTROL_BYTES = 64 * 1024;
/** Launches that one connection speaks of: every open context of a pod may be another's, and its own. */
export const MAX_HOP_LAUNCHES = 10_001;
/** Head of the request that opens a hop, bytes. */
export const MAX_HOP_HEAD_BYTES = 16 * 1024;
/** From the connection to the gateway's answer, milliseconds. */
export const HOP_OPEN_TIMEOUT_MS = 10_000;
/** Times that a hop is tried: behind a Service each may meet another replica. */
export const HOP_ATTEMPTS = 6;
/** Pause before the second try, milliseconds; doubles each time. */
export const HOP_RETRY_MS = 100;
/** TCP keep-alive of a hop, milliseconds: a node that is gone sends no reset. */
export const HOP_KEEPALIVE_MS = 15_000;
/** A certificate is renewed after this part of its life. */
export const RENEW_AFTER_PART = 1 / 3;
/** Between two looks for a certificate to renew, milliseconds. */
export const CERTIFICATE_LOOK_MS = 10_000;
