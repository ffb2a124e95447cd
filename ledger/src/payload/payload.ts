/** Sealed bodies of events, opened with the auditor's key. */
import { readPayload, unseal, type AuditorJwk, type AuditEvent, type Body } from '@cairn/audit';
import type { Ledger } from '../ledger.js';
import { MAX_OPEN_RECORDS } from '../limits.js';
import { LedgerError } from '../store/folder.js';

export interface OpenedBody {
  bytes: Buffer;
  /** As in PayloadReference. */
  type: string;
  /** True where the record holds less than what passed. */
  truncated: boolean;
}

export class PayloadReader {
  readonly #ledger: Ledger;
  readonly #key: { kid: string; d: string };
  /** Plaintexts, oldest first: events of one batch lie in the same record. */
  readonly #opened = new Map<string, Promise<Buffer>>();

  /** Throws LedgerError where the key is the public half. */
  constructor(ledger: Ledger, key: AuditorJwk) {
    if (key.d === undefined)
      throw new LedgerError('unreadable', 'this is the public half of the auditor key: sealed bodies open with the private one');
    this.#ledger = ledger;
    this.#key = { kid: key.kid, d: key.d };
  }

  /** The kept bytes of a body, undefined where none were kept. Throws LedgerError, SealError. */
  async open(event: AuditEvent, body: Body | undefined): Promise<OpenedBody | undefined> {
    const references = body?.payload ?? [];
    if (references.length === 0) return undefined;
    const { stream } = event.integrity;
    const parts: Buffer[] = [];
    for (const reference of references) parts.push(await readPayload(reference, (record) => this.#record(stream, record)));
    return { bytes: Buffer.concat(parts), type: references[0]!.type, truncated: body?.truncated === true };
  }

  #record(stream: string, record: number): Promise<Buffer> {
    const name = `${stream} ${record}`;
    let opened = this.#opened.get(name);
    if (!opened) {
      opened = this.#unseal(stream, record);
      // A failure is told to whoever awaits it.
      opened.catch(() => undefined);
      this.#opened.set(name, opened);
      if (this.#opened.size > MAX_OPEN_RECORDS) this.#opened.delete(this.#opened.keys().next().value!);
    }
    return opened;
  }

  async #unseal(stream: string, record: number): Promise<Buffer> {
    const ciphertext = this.#ledger.payload(stream, record);
    if (!ciphertext) throw new LedgerError('missing', `payload record ${record} of stream ${stream} is not in this ledger`);
    const sealing = this.#ledger.eventAt(stream, 0)?.event.stream?.sealing;
    if (!sealing) throw new LedgerError('missing', `stream ${stream} has no first event that says what it is sealed to`);
    return unseal(this.#key, sealing, stream, record, ciphertext);
  }
}
