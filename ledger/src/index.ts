export { Ledger, openLedger } from './ledger.js';
export { LEDGER_FILES, LedgerError } from './store/folder.js';
export type { IngestReport, LedgerRecord, SourcePosition } from './ingest/records.js';
export { QueryError, type QueryFilter } from './query/filter.js';
export type { QueryOptions, StoredEvent } from './query/query.js';
export type { Order } from './query/page.js';
export type { Trail, TrailExchange, TrailLaunch } from './query/tree.js';
