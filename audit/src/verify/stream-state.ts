/** Everything that verification knows of one stream. */
import { readCertificate } from '../certificate.js';
import type { AuditEvent } from '../event.js';
import { MAX_LISTED, MAX_OPEN_INTENTS } from '../limits.js';
import { Anchors } from './anchors.js';
import { ChainState, type Placed } from './chain-state.js';
import { about } from './findings.js';
import { PayloadState } from './payload-state.js';
import type { Finding, StreamCoverage } from './report.js';

/** A certificate to be verified, and the event that carries it. */
interface CarriedCertificate extends Placed {
  certificate: string;
}

export class StreamState {
  readonly chain = new ChainState();
  readonly anchors = new Anchors(this.chain);
  readonly payloads = new PayloadState();
  readonly certificates: CarriedCertificate[] = [];
  events = 0;
  duplicates = 0;
  closedAt: number | undefined;
  #agent: string | undefined;
  #gapCount = 0;
  readonly #gapReasons = new Set<string>();
  readonly #openIntents = new Set<string>();
  #uncountedIntents = 0;
  #firstTime: string | undefined;
  #lastTime: string | undefined;

  constructor(readonly id: string) {}

  /** Takes in what an event that holds says about its stream. */
  read(event: AuditEvent, placed: Placed): Finding[] {
    this.events += 1;
    this.#firstTime ??= event.time;
    this.#lastTime = event.time;
    const told = this.#readStage(event, placed);
    for (const finding of this.anchors.passed(placed)) told.push(this.tell(finding));
    return told;
  }

  tell(finding: Omit<Finding, 'stream'>): Finding {
    return { ...finding, stream: this.id };
  }

  coverage(certified: StreamCoverage['certified'], withPayloads: boolean): StreamCoverage {
    const { covered, witnessed } = this.anchors;
    const signedUpTo = certified === 'no' ? 0 : covered;
    const open = [...this.#openIntents];
    return {
      stream: this.id,
      ...(this.#agent === undefined ? {} : { agent: this.#agent }),
      events: this.events,
      signedUpTo,
      unsignedTail: Math.max(0, this.chain.next - signedUpTo),
      certified,
      closed: this.closedAt !== undefined,
      ...(witnessed > 0 ? { witnessed } : {}),
      payloads: withPayloads ? { sealed: this.payloads.sealed, absent: this.payloads.absent } : 'not-checked',
      gaps: { count: this.#gapCount, reasons: [...this.#gapReasons] },
      intentsWithoutOutcome: { count: open.length + this.#uncountedIntents, events: open.slice(0, MAX_LISTED) },
      duplicates: this.duplicates,
      ...(this.#firstTime === undefined ? {} : { firstTime: this.#firstTime, lastTime: this.#lastTime! }),
    };
  }

  #readStage(event: AuditEvent, placed: Placed): Finding[] {
    switch (event.stage) {
      case 'stream.open':
        return placed.seq === 0
          ? this.#readOpen(event, placed)
          : [this.tell(about('forged', placed, 'stream.open stands within a stream'))];
      case 'key.rotate':
        return this.#readKey(event, placed);
      case 'stream.close':
        this.closedAt ??= placed.seq;
        return [];
      case 'seal':
        return event.seal ? this.#readSeal(event.seal, event, placed) : [];
      case 'gap':
        this.#gapCount += event.gap?.count ?? 0;
        if (event.gap && this.#gapReasons.size < MAX_LISTED) this.#gapReasons.add(event.gap.reason);
        return [];
      case 'intent':
        if (this.#openIntents.size < MAX_OPEN_INTENTS) this.#openIntents.add(event.id);
        else this.#uncountedIntents += 1;
        return [];
      case 'complete':
        if (event.cause !== undefined && !this.#openIntents.delete(event.cause) && this.#uncountedIntents > 0) this.#uncountedIntents -= 1;
        return [];
      case 'decision':
      default:
        return [];
    }
  }

  #readOpen(event: AuditEvent, placed: Placed): Finding[] {
    this.#agent = `${event.agent.namespace}/${event.agent.name}`;
    return this.#readKey(event, placed);
  }

  #readKey(event: AuditEvent, placed: Placed): Finding[] {
    const certificate = event.stream?.certificate;
    const claims = typeof certificate === 'string' ? readCertificate(certificate) : undefined;
    if (certificate === undefined || !claims) return [];
    this.certificates.push({ ...placed, certificate });
    return this.anchors.addKey({ from: placed.seq, x: claims.cnf.jwk.x }).map((finding) => this.tell(finding));
  }

  #readSeal(seal: NonNullable<AuditEvent['seal']>, event: AuditEvent, { seq }: Placed): Finding[] {
    const mismatch = this.payloads.spoken(seal.record, { sha256: seal.sha256, seq, event: event.id });
    return mismatch ? [this.payloadFinding(mismatch)] : [];
  }

  payloadFinding({ record, seq, event }: { record: number; seq: number; event: string }): Finding {
    const sentence = `payload record ${record} was altered: its ciphertext is not the one that event ${event} (seq ${seq}) sealed`;
    return this.tell({ kind: 'altered', seq, event, sentence });
  }
}
