/** Spool folder -> ledger: the embedded default, without Kafka. */
import { resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { SpoolReader, type SpoolPosition } from '@cairn/audit';
import type { Ledger } from '../ledger.js';
import { MAX_BATCH_RECORDS, SPOOL_INTERVAL_MS } from '../limits.js';
import { addReport, emptyReport, type IngestReport, type LedgerRecord } from './records.js';

/** Reads one spool on from where the ledger has it. */
export class SpoolIngest {
  /** Under which the ledger keeps how far it read. */
  readonly source: string;
  readonly #ledger: Ledger;
  readonly #reader: SpoolReader;
  #damages = 0;

  constructor(ledger: Ledger, spool: string) {
    this.#ledger = ledger;
    this.source = `spool:${resolve(spool)}`;
    this.#reader = new SpoolReader(spool, readPosition(ledger.position(this.source)));
  }

  /** Takes one batch; `undefined` where nothing is new. */
  step(): IngestReport | undefined {
    const records: LedgerRecord[] = this.#reader.read(MAX_BATCH_RECORDS);
    const { damaged } = this.#reader;
    for (const { stream, offset, bytes } of damaged.slice(this.#damages)) {
      const reason = 'these bytes of the spool could not be read';
      records.push({ kind: 'broken', reason, content: `stream ${stream}, ${bytes} bytes at ${offset}` });
    }
    this.#damages = damaged.length;
    if (records.length === 0) return undefined;
    return this.#ledger.ingest(records, { source: this.source, position: JSON.stringify(this.#reader.position) });
  }

  /** Everything that is there now. */
  drain(): IngestReport {
    const sum = emptyReport();
    for (let report = this.step(); report; report = this.step()) addReport(sum, report);
    return sum;
  }

  /** Goes on until `signal` is aborted, then takes what is left. Gives way to the event loop after every batch. */
  async follow(signal: AbortSignal, onReport: (report: IngestReport) => void = () => undefined): Promise<void> {
    while (!signal.aborted) {
      const report = this.step();
      if (report) onReport(report);
      await delay(report ? 0 : SPOOL_INTERVAL_MS, undefined, { signal }).catch(() => undefined);
    }
    onReport(this.drain());
  }
}

/** A position that cannot be read means: from the beginning; what is there already is dropped. */
export function readPosition(text: string | undefined): SpoolPosition {
  try {
    return JSON.parse(text ?? '{}') as SpoolPosition;
  } catch {
    return {};
  }
}
