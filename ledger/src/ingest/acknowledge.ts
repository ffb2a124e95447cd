/**
 * Tells a sidecar without Kafka what it may delete of its spool: what this ledger holds on disk, and what verified when it was read back
 * from here. Nothing of a stream that does not hold is acknowledged, so that its original stays.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createVerifier, type Report, type SpoolPosition, type Verifier, writePosition } from '@cairn/audit';
import type { Ledger } from '../ledger.js';
import { LEDGER_FILES } from '../store/folder.js';
import { byStreamFrom, checkpoints, payloadsFrom } from '../verify/scan.js';
import { readTrust } from '../verify/trust.js';
import { readPosition, type SpoolIngest } from './spool.js';

export interface Acknowledgement {
  /** What was written to the spool. */
  acknowledged: SpoolPosition;
  /** Why the rest of a stream was not. */
  withheld: { stream: string; reason: string }[];
}

export class SpoolAcknowledger {
  readonly #verifier: Verifier;
  /** How far each stream was read back: sequence number and payload record to go on with. */
  readonly #read = new Map<string, { seq: number; record: number }>();
  #checkpoint = 0;

  /** Throws LedgerError where the ledger's trust.json cannot be read. */
  constructor(
    private readonly ledger: Ledger,
    private readonly spool: string,
    private readonly ingest: SpoolIngest,
  ) {
    const trust = join(ledger.folder, LEDGER_FILES.trust);
    this.#verifier = createVerifier({ trust: existsSync(trust) ? readTrust(trust) : undefined });
  }

  /** Verifies what came since the last call, and acknowledges what holds. To be called between steps of the ingest. */
  async acknowledge(): Promise<Acknowledgement> {
    const ingested = readPosition(this.ledger.position(this.ingest.source));
    this.#readBack(Object.keys(ingested));
    const report = await this.#verifier.finish();
    const withheld: Acknowledgement['withheld'] = [];
    const acknowledged: Record<string, number> = {};
    for (const [stream, reached] of Object.entries(ingested)) {
      const reason = this.#doubt(stream, report);
      if (reason === undefined) acknowledged[stream] = reached;
      else withheld.push({ stream, reason });
    }
    this.ledger.database.sync();
    writePosition(this.spool, 'ingested', acknowledged);
    return { acknowledged, withheld };
  }

  #readBack(streams: readonly string[]): void {
    const { database } = this.ledger;
    for (const { key, note } of checkpoints(database, this.#checkpoint)) {
      this.#verifier.checkpoint(note);
      this.#checkpoint = key;
    }
    for (const stream of streams) {
      const read = this.#read.get(stream) ?? { seq: 0, record: 0 };
      for (const row of byStreamFrom(database, stream, read.seq)) {
        this.#verifier.event(row.line, `row ${row.key}`);
        read.seq = row.seq + 1;
      }
      for (const { record, ciphertext } of payloadsFrom(database, stream, read.record)) {
        this.#verifier.payload(stream, record, ciphertext);
        read.record = record + 1;
      }
      this.#read.set(stream, read);
    }
  }

  /** Why the spool's original of a stream must stay; undefined: the ledger's copy is as good. */
  #doubt(stream: string, { integrity, coverage }: Report): string | undefined {
    const finding = integrity.findings.find((each) => each.stream === undefined || each.stream === stream);
    if (finding) return finding.sentence;
    if (integrity.more > 0) return 'there are more findings than are listed';
    const covered = coverage.streams.find((each) => each.stream === stream);
    if (covered?.certified !== 'yes') return 'its certificate was not verified: put the trust.json of the token service into the ledger';
    if (covered.payloads !== 'not-checked' && covered.payloads.absent > 0)
      return `${covered.payloads.absent} payload records are not there`;
    return this.#aside(stream);
  }

  #aside(stream: string): string | undefined {
    const { database } = this.ledger;
    if (database.get('SELECT key FROM conflicts WHERE stream = ? LIMIT 1', [stream]))
      return 'the ledger holds other content for some of it';
    if (database.get('SELECT key FROM rejected WHERE source = ? LIMIT 1', [this.ingest.source])) return 'some of the spool was no evidence';
    return undefined;
  }
}
