/** Limits of masking. */

/** Nesting of JSON that is followed; deeper input is refused. Levels. */
export const MAX_JSON_DEPTH = 256;
/** Longest JSON string that has to be read whole (a member name, or any string where text is searched). Bytes with quotes. */
export const MAX_JSON_STRING_BYTES = 4 * 1024 * 1024;
/** Longest JSON number or literal. Bytes. */
export const MAX_JSON_LITERAL_BYTES = 1024;
