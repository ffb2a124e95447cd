/** Whether there is room for evidence: what must be refused, why, and when it may go on. */
import { PROBE_MILLISECONDS, type SpoolLimits } from '../limits.js';
import { spoolBytes } from '../spool/folder.js';
import type { SegmentFiles } from '../spool/segments.js';
import type { EvidenceError } from '../stream.js';
import { highWaterReached, quotaReached, storageError } from './errors.js';

export interface RoomOptions {
  dir: string;
  limits: SpoolLimits;
  files: Pick<SegmentFiles, 'end' | 'probe'>;
  /** Bytes that wait to be shipped. */
  unshipped: () => number;
  /** What stood in the way has healed. May throw EvidenceError: then it has not. */
  healed: () => void;
}

export class Room {
  /** Why new work is refused. */
  refusing: EvidenceError | undefined;
  /** Set while nothing can be written at all; `refusing` alone lets begun exchanges end. */
  halted = false;
  /** Bytes of other streams in the spool, less what was deleted of this one. */
  #otherBytes: number;
  #timer: NodeJS.Timeout | undefined;

  constructor(private readonly options: RoomOptions) {
    this.#otherBytes = spoolBytes(options.dir);
  }

  /** Throws EvidenceError where so many bytes more are over the quota. */
  take(bytes: number): void {
    const { dir, limits } = this.options;
    if (this.#reaches(limits.quotaBytes - bytes + 1)) throw quotaReached(dir, limits.quotaBytes);
  }

  /** Looks for the soft bounds: from them on no new work is begun, and what was begun may still end. */
  watch(): void {
    if (this.refusing) return;
    const { dir, limits, unshipped } = this.options;
    const { quotaBytes, highWaterBytes } = limits;
    if (this.#reaches(quotaBytes - quotaBytes / 16)) this.#refuse(quotaReached(dir, quotaBytes));
    else if (unshipped() >= highWaterBytes) this.#refuse(highWaterReached(dir, highWaterBytes));
  }

  /** What a failed write means from here on. */
  failed(error: EvidenceError): void {
    if (error.code === 'quota') this.#refuse(error);
    else this.halt(error);
  }

  /** Nothing is written any more. A reason that does not heal stays the reason until the stream is closed. */
  halt(error: EvidenceError): EvidenceError {
    this.halted = true;
    if (this.refusing?.code === 'io' && error.code !== 'closed') return this.refusing;
    this.#refuse(error);
    return error;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Whether the spool holds so many bytes. Counted, and looked at on disk before it is said: segments may have been shipped and deleted. */
  #reaches(bytes: number): boolean {
    const { end } = this.options.files;
    if (this.#otherBytes + end < bytes) return false;
    this.#look();
    return this.#otherBytes + end >= bytes;
  }

  #look(): void {
    this.#otherBytes = spoolBytes(this.options.dir) - this.options.files.end;
  }

  #refuse(error: EvidenceError): void {
    this.refusing = error;
    this.#timer ??= setInterval(() => this.#probe(), PROBE_MILLISECONDS).unref();
  }

  #probe(): void {
    const code = this.refusing?.code;
    if (code === 'io' || code === 'closed') return;
    try {
      if (code === 'disk-full') this.options.files.probe();
      this.#look();
      this.halted = false;
      this.refusing = undefined;
      this.watch();
      this.options.healed();
    } catch (error) {
      this.halt(storageError(error, this.options.dir));
    }
    if (this.refusing) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
