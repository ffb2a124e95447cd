/** What a ledger takes in, wherever it comes from: a spool folder or Kafka. */
export type LedgerRecord =
  | { readonly kind: 'event'; readonly line: string; readonly stream?: string }
  | { readonly kind: 'payload'; readonly stream: string; readonly record: number; readonly ciphertext: Uint8Array }
  | { readonly kind: 'checkpoint'; readonly stream: string; readonly note: string }
  /** What its source could not even read as one of the others. */
  | { readonly kind: 'broken'; readonly content: string; readonly reason: string };

export interface IngestReport {
  events: number;
  payloads: number;
  checkpoints: number;
  /** Records that were there already, byte for byte. */
  duplicates: number;
  /** Records that contradict one that is there; kept in `conflicts`, reported by verify. */
  conflicts: number;
  /** Records that are none; kept in `rejected` with the reason, reported by verify. */
  rejected: number;
}

export function emptyReport(): IngestReport {
  return { events: 0, payloads: 0, checkpoints: 0, duplicates: 0, conflicts: 0, rejected: 0 };
}

export function addReport(sum: IngestReport, part: IngestReport): void {
  for (const name of Object.keys(part) as (keyof IngestReport)[]) sum[name] += part[name];
}

/** How far a source was read, as the source writes it; stored in the transaction of the rows. */
export interface SourcePosition {
  readonly source: string;
  readonly position: string;
}
