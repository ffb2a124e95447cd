/** Limits of credentials. */

/** Leaf certificates of the pod's CA kept at a time. */
export const MAX_LEAVES = 256;
/** A credential file, bytes. */
export const MAX_CREDENTIAL_BYTES = 64 * 1024;
/** How long a leaf is valid, days; the CA lives as long as the process. */
export const CERTIFICATE_DAYS = 365;
/** How often credential files are looked at for a rotation, milliseconds. */
export const CREDENTIAL_CHECK_MS = 5_000;
