/** Bounds on what the operator is configured with. */

/** Bytes of one configuration file. */
export const CONFIG_FILE_BYTES = 1024 * 1024;
/** Variables of the sidecars' environment. */
export const SIDECAR_VARIABLES_COUNT = 100;
/** Lifetime of a launch token, seconds: shorter and every sidecar renews all the time, longer and a leaked one lives on. */
export const LAUNCH_SECONDS_RANGE = { min: 60, max: 3600 } as const;
