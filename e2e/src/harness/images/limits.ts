/** Limits of the images and of their building, each with its unit. */

/** The longest single step of a build: an npm installation on a machine with much else to do. */
export const STEP_TIMEOUT_MS = 900_000;

/** The longest that a program of an unpacked image runs. */
export const RUN_TIMEOUT_MS = 120_000;

/** Bytes that a command of a build may print. */
export const STEP_OUTPUT_BYTES = 16 * 1024 * 1024;

/** Archives of one image that stay in the cache: checkouts share it, each with its own sources. */
export const KEPT_ARCHIVES = 4;

/** An archive that was used within this time stays in any case: somebody may be importing it. */
export const KEPT_MS = 3_600_000;

/** Bytes of an image's layers, unpacked. Node itself takes 127 MB of each. */
export const IMAGE_BYTES = {
  sidecar: 165_000_000,
  operator: 190_000_000,
  ledger: 240_000_000,
  agents: 145_000_000,
} as const;
