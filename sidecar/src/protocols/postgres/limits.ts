/** Limits of the PostgreSQL data path. Each has a test at the limit and one beyond. */

/** A startup packet; PostgreSQL's own MAX_STARTUP_PACKET_LENGTH. Bytes. */
export const MAX_STARTUP_BYTES = 10_000;
/** An agent's message that must be read whole (Query, Parse, Bind, ...). Bytes. */
export const MAX_AGENT_MESSAGE_BYTES = 64 * 1024 * 1024;
/** A server's message that must be read whole (RowDescription, ErrorResponse, a masked DataRow, ...). Bytes. */
export const MAX_TARGET_MESSAGE_BYTES = 64 * 1024 * 1024;
/** Any message, streamed ones included; PostgreSQL's own PQ_LARGE_MESSAGE_LIMIT. Bytes. */
export const MAX_MESSAGE_BYTES = 0x3fff_ffff;
/** SQL that is parsed; a longer text counts as unparsed. Bytes of UTF-8. */
export const MAX_PARSED_SQL_BYTES = 1024 * 1024;
/** Depth of a parse tree. Nodes. */
export const MAX_SQL_DEPTH = 2_000;
/** Operations of one message; more make it unparsed. */
export const MAX_OPERATIONS = 1_000;
/** Classifications that are remembered. Entries. */
export const MAX_CLASSIFIED = 2_000;
/** A longer statement is parsed each time. UTF-16 units. */
export const MAX_CLASSIFIED_LENGTH = 8_192;
/** Prepared statements of a session, by Parse or PREPARE. */
export const MAX_PREPARED = 5_000;
/** Open portals of a session. */
export const MAX_PORTALS = 1_000;
/** SQL cursors of a session whose output columns are remembered; beyond it a FETCH is masked whole. */
export const MAX_CURSORS = 1_000;
/** Messages sent to the server and not yet answered; at the limit the agent's leg waits. */
export const MAX_PIPELINED = 8_192;
/** Statement text in an event; the whole is kept under seal. UTF-16 units. */
export const MAX_RECORDED_STATEMENT = 32_768;
/** One bind value in an event. UTF-16 units. */
export const MAX_RECORDED_BIND = 1_024;
/** Binds of one execution in an event. */
export const MAX_RECORDED_BINDS = 256;
/** Cancel keys that the sidecar remembers over all sessions. */
export const MAX_CANCEL_KEYS = 10_000;
/** application_name; PostgreSQL's NAMEDATALEN - 1. Bytes. */
export const MAX_APPLICATION_NAME_BYTES = 63;
/** SCRAM iterations that a server may ask for: more is a way to burn the sidecar's CPU. */
export const MAX_SCRAM_ITERATIONS = 600_000;
/** From the connection to the first ReadyForQuery. Milliseconds. */
export const STARTUP_TIMEOUT_MS = 60_000;
