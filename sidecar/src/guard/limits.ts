/** Limits of masking. */

/** Nesting of JSON that is followed; deeper input is refused. Levels. */
export const MAX_JSON_DEPTH = 256;
/** Longest JSON string that has to be read whole (a member name, or any string where text is searched). Bytes with quotes. */
export const MAX_JSON_STRING_BYTES = 4 * 1024 * 1024;
/** Longest JSON number or literal. Bytes. */
export const MAX_JSON_LITERAL_BYTES = 1024;
/** Agents' tools time out after 60 to 120 s: answer "pending" well before, and let the retry of the same bytes pass. Seconds. */
export const HOLD_SECONDS = 45;
/** One poll for what people decided, seconds. */
export const APPROVAL_POLL_SECONDS = 5;
/** Pause before an operator that was not reached, or an approval that is pending, is asked again, milliseconds. */
export const APPROVAL_RETRY_MS = 250;
/** The operator answers a waiting request after so many seconds at the latest. */
export const MAX_HOLD_SECONDS = 60;
/** What of a statement an approver is shown, characters. */
export const MAX_SUMMARY_CHARACTERS = 4096;
