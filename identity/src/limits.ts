/** Every bound of identity, with its unit. */

/** A token on the wire. Node accepts 16 KiB of header together, so a longer one could not travel between agents. */
export const TOKEN_CHARACTERS = 12 * 1024;
/** Clock difference that is tolerated in exp, nbf and iat. */
export const CLOCK_SKEW_SECONDS = 60;
/** Entra ID stops at 200 in a JWT and goes over to a reference. */
export const GROUPS_COUNT = 200;
export const GROUP_CHARACTERS = 256;
/** All groups of one principal together: they travel in every launch token. */
export const GROUPS_CHARACTERS = 4 * 1024;
export const NAME_CHARACTERS = 256;
/** Tokens that a verifier remembers as good. */
export const VERIFIED_TOKENS = 10_000;
/** Longest that a verified person's token is believed without asking the keys again. */
export const VERIFIED_SECONDS = 300;
/** A fetched document: discovery, JWKS, groups. */
export const DOCUMENT_BYTES = 512 * 1024;
export const FETCH_MILLISECONDS = 5_000;
/** Age at which fetched keys are renewed in the background. */
export const FRESH_MILLISECONDS = 10 * 60_000;
/** Age beyond which fetched keys are not believed, also when the issuer does not answer. */
export const STALE_MILLISECONDS = 60 * 60_000;
/** Pause after a fetch that failed. */
export const RETRY_MILLISECONDS = 1_000;
/** Fetches that unknown key ids may cause at once, and how often one more is allowed. */
export const UNKNOWN_KEY_BURST = 5;
export const UNKNOWN_KEY_MILLISECONDS = 10_000;
/** Agents in a chain, whatever a policy says. */
export const CHAIN_DEPTH = 32;
/** Revoked launches that a list holds. */
export const REVOCATIONS_COUNT = 100_000;
/** A SAML message, decoded. Keycloak's is 7 KB; groups and certificates make it longer. */
export const SAML_BYTES = 48 * 1024;
/** Elements inside each other in SAML XML. */
export const SAML_DEPTH = 32;
/** Longest that an assertion is believed after its IssueInstant, whatever it says itself; bounds what replays are remembered for. */
export const ASSERTION_SECONDS = 600;
/** Assertions that a token service remembers as used; one more is refused until the oldest has expired. */
export const ASSERTION_REPLAYS = 50_000;
/** Signing certificates of one provider: the current, the next, and those that its members bring. */
export const SAML_CERTIFICATES = 8;
/** Modulus of an RSA key that assertions are signed with. */
export const RSA_BITS = 2048;
