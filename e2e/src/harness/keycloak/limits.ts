/** Bounds of the harness's Keycloak. */
export const DOWNLOAD_TIMEOUT_MS = 600_000;
/** Quarkus augments the server once for its options: minutes on a loaded machine. */
export const BUILD_TIMEOUT_MS = 600_000;
export const START_TIMEOUT_MS = 240_000;
export const POLL_MS = 200;
/** Redirects and forms of one login; more are a loop. */
export const STEPS_LIMIT = 12;
