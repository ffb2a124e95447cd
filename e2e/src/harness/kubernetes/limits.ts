/** How long the harness waits before it says that something does not come. */

/** A build from Go modules with nothing cached: three minutes on two idle cores, more where both are busy. */
export const BUILD_TIMEOUT_MS = 30 * 60_000;
/** From spawning a server to the first answer that says it is ready. */
export const START_TIMEOUT_MS = 90_000;
/** One kubectl or Helm command. */
export const COMMAND_TIMEOUT_MS = 60_000;
/** What one kubectl or Helm command may print, in bytes. */
export const COMMAND_OUTPUT_BYTES = 64 * 1024 * 1024;
/** Between two looks at a condition. */
export const POLL_MS = 20;
/** Of a server's log in the sentence that says it did not start, in lines. */
export const LOG_TAIL_LINES = 20;
