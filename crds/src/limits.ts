/** Limits of policies and of what compiling and matching them may hold. Schemas, checks and caches read them here. */

/** Characters of one file given to `parsePolicies`. */
export const MAX_FILE_CHARS = 1_048_576;
/** YAML documents in one file. */
export const MAX_DOCUMENTS = 256;
/** Aliases that one YAML document may expand to (billion laughs). */
export const MAX_YAML_ALIASES = 100;
/** Problems reported for one file; one more says that there are others. */
export const MAX_PROBLEMS = 200;

/** Characters of the last valid spec in a policy's status: with the spec itself well below the 1.5 MiB that etcd takes. */
export const MAX_LAST_VALID_CHARS = 393_216;

/** Targets of one policy. */
export const MAX_TARGETS = 64;
/** Hosts of one target. */
export const MAX_HOSTS = 32;
/** Rules of one policy. */
export const MAX_RULES = 128;
/** Entries of one list in `match` or `approval`: verbs, resources, groups, users, ... */
export const MAX_NAMES = 64;
/** Targets that one rule names: 64 would make the CRD's rule on declared targets dearer than the API server permits. */
export const MAX_RULE_TARGETS = 32;
/** Masks of one rule. */
export const MAX_MASKS = 16;
/** Fields of one mask, declared functions of one target. */
export const MAX_FIELDS = 64;
/** Characters of a group, user, verb, field or agent name. */
export const MAX_NAME_CHARS = 256;
/** Assertion consumer services of one SAML provider. */
export const MAX_RECIPIENTS = 16;
/** Characters of a glob over resources. */
export const MAX_GLOB_CHARS = 256;
/** Characters of a rule's reason. */
export const MAX_REASON_CHARS = 512;
/** Characters of an event's id. */
export const MAX_EVENT_ID_CHARS = 64;
/** Depth of a launch chain that a policy may permit. */
export const MAX_CHAIN_DEPTH = 32;
/** Rows of a result that a policy may keep. */
export const MAX_CAPTURE_ROWS = 1_000_000;
/** Bytes of a result that a policy may keep. */
export const MAX_CAPTURE_BYTES = 1_073_741_824;
/** Hours that an approval may stay open: seven days. */
export const MAX_APPROVAL_HOURS = 168;

/** Certified keys of one stream: one boot of a sidecar. */
export const MAX_STREAM_KEYS = 64;

/** Characters of a `when` expression. */
export const MAX_WHEN_CHARS = 2048;
/** Nodes of a `when` expression's syntax tree. */
export const MAX_WHEN_NODES = 300;
/** Nesting of a `when` expression. */
export const MAX_WHEN_DEPTH = 32;
/** Comprehensions (all, exists, map, filter) inside each other: their cost multiplies with what an agent sends. */
export const MAX_WHEN_COMPREHENSIONS = 1;

/** Verbs, as agents write them, whose rules a compiled policy remembers for each target. */
export const MAX_KNOWN_VERBS = 1024;
/** Combinations of verdicts that a compiled policy remembers; beyond it the memory starts again empty. */
export const MAX_MERGED_VERDICTS = 4096;

/** Cases of one file of `cairn policy test`. */
export const MAX_CASES = 10_000;
/** Characters of a case's SQL text. */
export const MAX_STATEMENT_CHARS = 1_000_000;
