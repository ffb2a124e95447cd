/** Limits of what is decoded for people; whoever sent it may have meant to harm its reader. `cairn unseal --raw` has no such limits. */

/** Bytes of one body, after its content coding is undone. */
export const MAX_BODY_BYTES = 32 * 1024 * 1024;
/** Levels of messages, arrays and maps within each other. Schemas of custom resources nest deepest. */
export const MAX_DEPTH = 128;
/** Values of one body: fields, elements, and what JSON says of fields that the bytes leave out. */
export const MAX_VALUES = 2_000_000;
