/** Bounds of the commands that talk to the operator and to identity providers. */

/** Milliseconds for one answer of the operator. */
export const ANSWER_MS = 30_000;
/** Milliseconds that a person has for a login. */
export const LOGIN_MS = 5 * 60_000;
/** Characters of a stored token. */
export const TOKEN_CHARACTERS = 16 * 1024;
/** Bytes of the form that a browser posts back from a SAML provider. */
export const FORM_BYTES = 96 * 1024;
