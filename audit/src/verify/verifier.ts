/** Verification of any number of streams, event by event as they are read. */
import { GENESIS, lineHash } from '../chain.js';
import { createCertificateVerifier, type CertificateTrust } from '../certificate.js';
import { CheckpointError, readCheckpoint } from '../checkpoint/checkpoint.js';
import type { AuditEvent } from '../event.js';
import { decode, EventError, parseEvent } from '../parse.js';
import type { WitnessEntry } from './anchors.js';
import type { Placed } from './chain-state.js';
import { about, absences, afterClose, again, Findings, late, rehashed, uncertified } from './findings.js';
import { openQuestions, type Report, type StreamCoverage, type Where } from './report.js';
import { salvage, type Claimed } from './salvage.js';
import { StreamState } from './stream-state.js';

export interface VerifierOptions {
  /** Without it certificates are not checked, and coverage says so. */
  trust?: CertificateTrust | undefined;
  /** What a witness saw; every stream it names must be there, as long as it was. */
  witness?: readonly WitnessEntry[] | undefined;
  /** Whether the source holds payload records; default true. Else their absence is not told. */
  payloads?: boolean | undefined;
  /** `any` where the source does not keep the order within a stream (Kafka's partitions); default `stream`. */
  order?: 'stream' | 'any' | undefined;
}

export interface Verifier {
  /**
   * One event line, in the order in which it is stored. Bytes where the line comes from a file: a string may have been decoded
   * leniently. Returns the event where it holds in itself.
   */
  event(line: string | Uint8Array, where: Where): AuditEvent | undefined;
  /** A checkpoint note; before or after its events. */
  checkpoint(note: string): void;
  /** A payload record; before or after its seal event. */
  payload(stream: string, record: number, ciphertext: Uint8Array): void;
  /** The report on what was given so far; more may follow. */
  finish(): Promise<Report>;
}

export function createVerifier(options: VerifierOptions): Verifier {
  return new StreamVerifier(options);
}

class StreamVerifier implements Verifier {
  readonly #options: VerifierOptions;
  readonly #streams = new Map<string, StreamState>();
  readonly #findings = new Findings();
  readonly #verifyCertificate: ReturnType<typeof createCertificateVerifier> | undefined;

  constructor(options: VerifierOptions) {
    this.#options = options;
    this.#verifyCertificate = options.trust && createCertificateVerifier(options.trust);
    for (const entry of options.witness ?? []) this.#stream(entry.stream).anchors.witness(entry);
  }

  event(line: string | Uint8Array, where: Where): AuditEvent | undefined {
    let event: AuditEvent;
    let text: string;
    try {
      text = typeof line === 'string' ? line : decode(line);
      event = parseEvent(text);
    } catch (error) {
      if (!(error instanceof EventError)) throw error;
      const lenient = typeof line === 'string' ? line : Buffer.from(line).toString('latin1');
      const claimed = salvage(lenient);
      this.#altered(claimed, where, error.message, claimed.hash === undefined ? [] : [claimed.hash]);
      return undefined;
    }
    const { hash, prev, seq, stream } = event.integrity;
    const actual = lineHash(text, event.integrity);
    if (actual !== hash) {
      const heads = actual === undefined ? [hash] : [hash, actual];
      this.#altered({ id: event.id, stream, seq, prev, hash }, where, 'its content does not have the hash that it carries', heads);
      return undefined;
    }
    this.#accept(event, { seq, id: event.id, where });
    return event;
  }

  checkpoint(note: string): void {
    try {
      const state = this.#stream(readCheckpoint(note).stream);
      for (const finding of state.anchors.note(note)) this.#findings.add(state.tell(finding));
    } catch (error) {
      if (!(error instanceof CheckpointError)) throw error;
      this.#findings.add({ kind: 'altered', sentence: error.message });
    }
  }

  payload(stream: string, record: number, ciphertext: Uint8Array): void {
    const state = this.#stream(stream);
    const mismatch = state.payloads.given(record, ciphertext);
    if (mismatch) this.#findings.add(state.payloadFinding(mismatch));
  }

  async finish(): Promise<Report> {
    const found = new Findings();
    for (const finding of this.#findings.list) found.add(finding);
    found.more += this.#findings.more;
    const streams: StreamCoverage[] = [];
    let events = 0;
    for (const state of [...this.#streams.values()].sort((a, b) => (a.id < b.id ? -1 : 1))) {
      const certified = await this.#certified(state, found);
      for (const finding of absences(state)) found.add(state.tell(finding));
      events += state.events;
      if (state.chain.next > 0) streams.push(state.coverage(certified, this.#options.payloads !== false));
    }
    const complete = streams.every((stream) => openQuestions(stream).length === 0);
    return {
      integrity: { held: found.list.length === 0, findings: found.list, more: found.more },
      coverage: { complete, streams },
      events,
    };
  }

  #stream(id: string): StreamState {
    let state = this.#streams.get(id);
    if (!state) this.#streams.set(id, (state = new StreamState(id)));
    return state;
  }

  #accept(event: AuditEvent, placed: Placed): void {
    const { stream, prev, hash } = event.integrity;
    const state = this.#adopt(stream, placed.seq, prev);
    const fit = state.chain.accept(placed, prev, hash);
    if (fit.as === 'duplicate') {
      state.duplicates += 1;
      return;
    }
    if (fit.as === 'conflict' || fit.as === 'too-old') {
      this.#findings.add(state.tell(again(fit.as, placed)));
      return;
    }
    for (const blamed of fit.blames) {
      state.chain.blamed.add(blamed.seq);
      this.#findings.add(state.tell(rehashed(blamed)));
    }
    if (fit.as === 'late' && this.#options.order !== 'any') this.#findings.add(state.tell(late(placed)));
    if (state.closedAt !== undefined && placed.seq > state.closedAt) this.#findings.add(state.tell(afterClose(placed)));
    for (const finding of state.read(event, placed)) this.#findings.add(finding);
  }

  /** An event that does not hold in itself: finds its place, so that it alone is blamed. */
  #altered(claimed: Claimed, where: Where, why: string, heads: readonly string[]): void {
    const place = this.#locate(claimed);
    const sentence = `event ${claimed.id ?? '(id unreadable)'} was altered: ${why}`;
    if (!place) {
      this.#findings.add({ kind: 'altered', where, sentence, ...(claimed.id === undefined ? {} : { event: claimed.id }) });
      return;
    }
    const { state, seq } = place;
    const placed = { seq, id: claimed.id, where };
    state.chain.acceptAltered(placed, heads);
    this.#findings.add(state.tell(about('altered', placed, sentence)));
  }

  /** Of stream, seq and prev at most one is wrong when one byte was changed; the others say where the event belongs. */
  #locate({ stream, seq, prev }: Claimed): { state: StreamState; seq: number } | undefined {
    const named = stream === undefined ? undefined : this.#streams.get(stream);
    if (named && seq === named.chain.next) return { state: named, seq };
    if (named?.chain.next === 0 && prev === GENESIS) return { state: named, seq: 0 };
    for (const state of this.#streams.values()) {
      if (prev !== undefined && state.chain.next > 0 && state.chain.heads.includes(prev)) return { state, seq: state.chain.next };
    }
    if (named) return { state: named, seq: seq ?? named.chain.next };
    const first = prev === GENESIS || seq === 0;
    if (!first && (stream === undefined || seq === undefined)) return undefined;
    return { state: this.#stream(stream ?? UNREADABLE), seq: first ? 0 : seq! };
  }

  /**
   * The state of a stream; where its beginning was read under another name, because an altered first event said so, that one
   * with its right name.
   */
  #adopt(id: string, seq: number, prev: string): StreamState {
    const known = this.#streams.get(id);
    if (seq === 0 || (known && known.chain.next > 0)) return this.#stream(id);
    for (const other of this.#streams.values()) {
      const { next, heads } = other.chain;
      if (other.events > 0 || next !== seq || !(heads.includes(prev) || heads.length === 0)) continue;
      const state = this.#stream(id);
      state.chain.acceptAltered({ seq: seq - 1, id: undefined, where: '' }, heads);
      this.#streams.delete(other.id);
      for (const finding of this.#findings.list) if (finding.stream === other.id) finding.stream = id;
      return state;
    }
    return this.#stream(id);
  }

  async #certified(state: StreamState, found: Findings): Promise<StreamCoverage['certified']> {
    if (state.chain.next === 0) return 'unknown';
    if (state.certificates.length === 0) {
      const first = { seq: 0, id: undefined, where: '' };
      if (!state.chain.blamed.has(0) && state.chain.holes[0]?.from !== 0) {
        found.add(state.tell(uncertified(first, 'it does not begin with a stream.open that names its key')));
      }
      return 'no';
    }
    if (!this.#verifyCertificate) return 'unknown';
    for (const { certificate, ...placed } of state.certificates) {
      const why = await this.#verifyCertificate(certificate, state.id);
      if (why === undefined) continue;
      if (!state.chain.blamed.has(placed.seq)) found.add(state.tell(uncertified(placed, why)));
      return 'no';
    }
    return 'yes';
  }
}

/** Stands for the id of a stream whose first event is so damaged that it cannot be read. */
const UNREADABLE = '(unreadable)';
