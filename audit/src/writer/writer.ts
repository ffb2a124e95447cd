/** StreamWriter over the spool: chains, seals, checkpoints, and says when evidence cannot be written. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { NoteSigner } from '../checkpoint/checkpoint.js';
import { GENESIS } from '../chain.js';
import { EventClock } from '../clock.js';
import type { PayloadReference } from '../event.js';
import { uuidv7 } from '@cairn/identity';
import { DEFAULT_SPOOL_LIMITS, MAX_BATCH_UNITS, MAX_BATCH_PAYLOAD_BYTES, type SpoolLimits } from '../limits.js';
import { newContentKey, type ContentKey } from '../seal/hpke.js';
import { encodeFrame, FRAME_KINDS } from '../spool/frame.js';
import { claim, disclaim } from '../spool/owner.js';
import { recoverSpool } from '../spool/recover.js';
import { SegmentFiles } from '../spool/segments.js';
import { signReference } from '../reference.js';
import { EvidenceError, type LateEvent, type StreamWriter } from '../stream.js';
import { Batch } from './batch.js';
import { newBootKey } from './boot-key.js';
import { Checkpoints } from './checkpoints.js';
import { closed, storageError, wordless } from './errors.js';
import { GroupSync } from './group-sync.js';
import type { StreamWriterOptions } from './options.js';
import { OwnEvents } from './own-events.js';
import { PayloadRecords } from './payloads.js';
import { Room } from './room.js';
import { Shipping } from './shipping.js';

/**
 * Opens a new stream in a spool: recovers what a killed process left, has the boot's key certified, writes stream.open and a
 * first checkpoint, and resolves when they are on disk. Throws EvidenceError, or what `certify` throws.
 */
export async function createStreamWriter(options: StreamWriterOptions): Promise<SpoolStreamWriter> {
  const id = uuidv7();
  const signer = newBootKey();
  const certificate = await options.certify(signer.publicKey.toString('base64url'), id);
  const contentKey = options.auditorKey && (await newContentKey(options.auditorKey.publicKey, id));
  const limits = { ...DEFAULT_SPOOL_LIMITS, ...options.limits };
  const files = openFiles(options.dir, id, limits);
  const writer = new SpoolStreamWriter(id, options, limits, files, signer, contentKey?.key);
  await writer.open(certificate, sealing(options, contentKey));
  return writer;
}

function openFiles(dir: string, stream: string, limits: SpoolLimits): SegmentFiles {
  try {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    recoverSpool(dir);
    const files = new SegmentFiles(dir, stream, limits.segmentBytes);
    claim(join(dir, stream));
    return files;
  } catch (error) {
    throw storageError(error, dir);
  }
}

function sealing(options: StreamWriterOptions, contentKey: ContentKey | undefined): { kid: string; enc: string } | undefined {
  return options.auditorKey && contentKey && { kid: options.auditorKey.kid, enc: contentKey.enc };
}

export class SpoolStreamWriter implements StreamWriter {
  readonly id: string;

  readonly #options: StreamWriterOptions;
  readonly #room: Room;
  readonly #checkpoints: Checkpoints;
  readonly #files: SegmentFiles;
  readonly #sync: GroupSync;
  readonly #shipping: Shipping;
  readonly #own: OwnEvents;
  readonly #now: () => string;
  readonly #payloads: PayloadRecords | undefined;
  readonly #batch = new Batch();
  #signer: NoteSigner;
  #certificate = '';

  /** Next event's, including what is appended and not flushed. */
  #seq = 0;
  #prev = GENESIS;
  /** As of the last flush that held: where a failed one goes back to. */
  #written = { seq: 0, prev: GENESIS };
  #lost = 0;
  #lostReason = '';

  constructor(
    id: string,
    options: StreamWriterOptions,
    limits: SpoolLimits,
    files: SegmentFiles,
    signer: NoteSigner,
    contentKey: Buffer | undefined,
  ) {
    this.id = id;
    this.#options = options;
    this.#files = files;
    this.#signer = signer;
    const clock = options.clock ?? new EventClock();
    this.#now = () => clock.now();
    this.#own = new OwnEvents(options.agent, this.#now);
    this.#payloads = contentKey && new PayloadRecords(contentKey, id);
    this.#shipping = new Shipping(id, options.acknowledged);
    this.#room = new Room({
      dir: options.dir,
      limits,
      files,
      unshipped: () => this.#shipping.unshipped(files.end),
      healed: () => this.#tellLost(),
    });
    this.#checkpoints = new Checkpoints(id, this.#now, () => this.#checkpoint(), options.onCheckpoint);
    this.#sync = new GroupSync(
      files,
      () => this.#checkpoints.synced(this.#sync.synced),
      (error) => this.#room.halt(storageError(error, options.dir, 'io')),
    );
  }

  get refusing(): EvidenceError | undefined {
    return this.#room.refusing;
  }

  /** For createStreamWriter: the stream's first event. */
  async open(certificate: string, seal: { kid: string; enc: string } | undefined): Promise<void> {
    this.#certificate = certificate;
    try {
      this.#append(this.#own.open(certificate, seal));
      this.#flush(true);
      await this.#sync.wait();
    } catch (error) {
      await this.#abandon(closed(this.id));
      throw error;
    }
  }

  append(head: string, tail: string): number {
    if (this.#batch.length >= MAX_BATCH_UNITS) this.flush();
    this.#batch.add(head, tail);
    return this.#appended();
  }

  appendLate(event: LateEvent): number {
    if (this.#batch.length >= MAX_BATCH_UNITS) this.flush();
    this.#batch.addLate(event);
    return this.#appended();
  }

  #appended(): number {
    this.#batch.events += 1;
    return this.#seq++;
  }

  payload(parts: readonly Uint8Array[], type: string): PayloadReference | undefined {
    const payloads = this.#payloads;
    if (!payloads) return undefined;
    let length = 0;
    for (const part of parts) length += part.length;
    if (length === 0) return undefined;
    if (!payloads.fits(length)) this.#sealRecord(payloads);
    if (this.#batch.payloadBytes >= MAX_BATCH_PAYLOAD_BYTES) this.flush();
    const reference = payloads.reference(length, type);
    for (const part of parts) {
      for (let from = 0; from < part.length;) {
        const taken = payloads.add(part, from);
        if (taken === 0) this.#sealRecord(payloads);
        from += taken;
      }
    }
    return reference;
  }

  flush(): void {
    this.#flush(false);
  }

  /** Tells that `count` events, which delivery BestEffort allowed to drop, are missing. Buffered until flush. */
  gap(count: number, reason: string): void {
    this.#append(this.#own.gap(count, reason));
  }

  synced(): Promise<void> {
    return this.#sync.wait();
  }

  shipped(): Promise<void> {
    return this.#shipping.wait(this.#files.end);
  }

  /** A reference to a launch of this pod, for admission. `now` in seconds since the epoch. */
  refer(launch: string, now: number): string {
    return signReference(this.#signer.key, this.#certificate, launch, now);
  }

  /** Replaces the boot key. The old one signs a last checkpoint over the event that names the new one. */
  async rotate(): Promise<void> {
    const next = newBootKey();
    const certificate = await this.#options.certify(next.publicKey.toString('base64url'), this.id);
    this.#flush(false);
    this.#append(this.#own.rotate(certificate));
    this.#flush(true);
    this.#signer = next;
    this.#certificate = certificate;
  }

  async close(reason: string): Promise<void> {
    if (this.refusing?.code === 'closed') return;
    try {
      this.#flush(false);
      this.#tellLost();
      this.#append(this.#own.close(reason));
      this.#flush(true);
      await this.#sync.wait();
      disclaim(join(this.#options.dir, this.id));
    } finally {
      await this.#abandon(closed(this.id));
    }
  }

  async #abandon(reason: EvidenceError): Promise<void> {
    this.#room.halt(reason);
    this.#room.stop();
    this.#checkpoints.stop();
    await this.#sync.stop(reason);
    this.#files.close();
  }

  #append(pieces: readonly [head: string, tail: string]): void {
    this.#batch.add(pieces[0], pieces[1]);
    this.#seq += 1;
  }

  #sealRecord(payloads: PayloadRecords): void {
    const sealed = payloads.seal();
    this.#batch.addPayload(sealed.frame);
    this.#append(this.#own.seal(sealed.record, sealed.size, sealed.sha256));
  }

  #flush(checkpoint: boolean): void {
    if (this.#room.halted) {
      this.#drop(this.refusing!);
      throw this.refusing!;
    }
    if (this.#payloads?.open) this.#sealRecord(this.#payloads);
    const due = this.#checkpoints.due(this.#seq, checkpoint);
    if (this.#batch.length === 0 && !due) return;
    this.#chain();
    const note = due ? this.#checkpoints.sign({ size: this.#seq, root: this.#prev }, this.#signer) : undefined;
    const noteFrame = note === undefined ? undefined : encodeFrame(FRAME_KINDS.checkpoint, Buffer.from(note));
    this.#write(this.#batch.frames(noteFrame));
    this.#commit(note);
  }

  #chain(): void {
    try {
      this.#prev = this.#batch.chain(this.#written.prev, this.#written.seq, this.id);
    } catch (cause) {
      throw this.#failed(wordless(cause));
    }
  }

  #write(frames: readonly Buffer[]): void {
    try {
      let length = 0;
      for (const frame of frames) length += frame.length;
      this.#room.take(length);
      this.#files.write(frames);
    } catch (cause) {
      throw this.#failed(cause);
    }
  }

  /** The batch is not on file. */
  #failed(cause: unknown): EvidenceError {
    const error = storageError(cause, this.#options.dir);
    this.#drop(error);
    this.#room.failed(error);
    return error;
  }

  #commit(note: string | undefined): void {
    this.#written.seq = this.#seq;
    this.#written.prev = this.#prev;
    this.#batch.clear();
    this.#checkpoints.written(note, this.#seq, this.#files.end);
    this.#sync.flushed();
    this.#room.watch();
  }

  /** Nothing of the batch counts: the chain goes on from the last event that is on file. */
  #drop(reason: EvidenceError): void {
    this.#lost += this.#batch.events;
    this.#lostReason = reason.code;
    this.#seq = this.#written.seq;
    this.#prev = this.#written.prev;
    this.#batch.clear();
    this.#payloads?.discard();
  }

  #tellLost(): void {
    const count = this.#lost;
    if (count === 0) return;
    this.#append(this.#own.gap(count, this.#lostReason));
    this.#flush(false);
    this.#lost -= count;
  }

  #checkpoint(): void {
    try {
      if (!this.#room.halted) this.#flush(true);
    } catch {
      // #failed has already said why, in `refusing`.
    }
  }
}
