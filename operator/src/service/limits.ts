/** Every bound of the control-plane service, with its unit. */

export const BODY_BYTES = 256 * 1024;
/** A SAML message of up to 64 Ki characters and a token of up to 12 Ki. */
export const FORM_BYTES = 80 * 1024;
export const CHECKPOINT_BYTES = 4 * 1024;
/** How long open requests may take once the service closes, milliseconds. */
export const CLOSE_GRACE_MS = 500;
/** Longest that a long poll is held. */
export const WAIT_SECONDS = 60;
/** Long polls held at once; one more is answered at once. */
export const WAITERS_COUNT = 10_000;
/** Launch tokens are short-lived: what a person may do can change. */
export const LAUNCH_SECONDS = 15 * 60;
/** Access tokens for people whose assertion is used up; the groups in it may be as old. */
export const PERSON_SECONDS = 60 * 60;
/** How long a launch may be renewed by its own token after its start. */
export const LAUNCH_AGE_SECONDS = 24 * 60 * 60;
/** A pod's certificate for the way to the gateway; renewed after a third of it. Seconds. */
export const POD_CERTIFICATE_SECONDS = 60 * 60;
export const STREAMS_COUNT = 500_000;
/** Certified keys of one stream. */
export const STREAM_KEYS_COUNT = 4096;
/** Records that wait for the disk. */
export const JOURNAL_PENDING_COUNT = 10_000;
/** Superseded records are dropped from a journal beyond this. */
export const JOURNAL_BYTES = 64 * 1024 * 1024;
export const APPROVALS_OPEN_COUNT = 10_000;
export const APPROVALS_OPEN_PER_AGENT_COUNT = 200;
/** How long an approval that came to its end is still answered for. */
export const APPROVAL_KEPT_SECONDS = 7 * 24 * 60 * 60;
export const APPROVAL_TIMEOUT_SECONDS = 7 * 24 * 60 * 60;
export const APPROVAL_OPERATIONS_COUNT = 100;
export const SUMMARY_CHARACTERS = 64 * 1024;
/** An address, or a name (RFC 1035 2.3.4). */
export const HOST_CHARACTERS = 253;
export const REASON_CHARACTERS = 4096;
/** Id of an event. */
export const EVENT_ID_CHARACTERS = 64;
/** Retired public keys that stay published, so that what they signed can be verified: certificates of streams, and grants, which live for years. */
export const PREVIOUS_KEYS_COUNT = 64;
/** How long a verifier may keep the JWKS. */
export const JWKS_SECONDS = 300;
export const HEADER_BYTES = 32 * 1024;
