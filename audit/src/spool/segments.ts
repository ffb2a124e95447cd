/** The file side of one stream: appends whole batches to segment files, takes a torn one back, syncs in groups. No evidence logic. */
import { closeSync, fdatasync, fsync, ftruncateSync, mkdirSync, openSync, writeSync, writevSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { PROBE_BYTES } from '../limits.js';
import { segmentPath } from './folder.js';

const datasync = promisify(fdatasync);
const directorySync = promisify(fsync);

export class SegmentFiles {
  /** End of the last whole batch, counted from the stream's first byte. */
  end = 0;
  readonly #folder: string;
  readonly #segmentBytes: number;
  #fd: number;
  #base = 0;
  /** Segments that were left since the last sync: to be synced and closed. */
  #retired: number[] = [];
  /** Folders whose new names are not on disk yet. */
  #folders: string[];

  constructor(dir: string, stream: string, segmentBytes: number) {
    this.#folder = join(dir, stream);
    this.#segmentBytes = segmentBytes;
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    this.#fd = openSync(segmentPath(this.#folder, 0), 'wx', 0o600);
    this.#folders = [dir, this.#folder];
  }

  /** Appends one batch. When it throws, the file ends where it did before, or the error's code is `EIO`. */
  write(chunks: readonly Buffer[]): void {
    let length = 0;
    for (const chunk of chunks) length += chunk.length;
    if (this.end > this.#base && this.end + length - this.#base > this.#segmentBytes) this.#roll();
    try {
      this.#writeAll(chunks, length);
    } catch (error) {
      this.#takeBack(error);
      throw error;
    }
    this.end += length;
  }

  /** Whether PROBE_BYTES fit; throws the disk's error where they don't. */
  probe(): void {
    try {
      this.#writeAll([Buffer.alloc(PROBE_BYTES)], PROBE_BYTES);
    } finally {
      this.#takeBack(undefined);
    }
  }

  /** Everything written before the call is on disk when it resolves. */
  async sync(): Promise<void> {
    const retired = this.#retired;
    const folders = this.#folders;
    this.#retired = [];
    this.#folders = [];
    for (const fd of retired) {
      await datasync(fd);
      closeSync(fd);
    }
    const current = this.#fd;
    await datasync(current);
    for (const folder of folders) await syncFolder(folder);
  }

  close(): void {
    for (const fd of this.#retired) closeSync(fd);
    closeSync(this.#fd);
  }

  #takeBack(cause: unknown): void {
    try {
      ftruncateSync(this.#fd, this.end - this.#base);
    } catch (error) {
      throw Object.assign(new Error(`a torn batch could not be cut off: ${String(error)}`, { cause }), { code: 'EIO' });
    }
  }

  #roll(): void {
    const fd = openSync(segmentPath(this.#folder, this.end), 'wx', 0o600);
    this.#retired.push(this.#fd);
    this.#folders.push(this.#folder);
    this.#fd = fd;
    this.#base = this.end;
  }

  #writeAll(chunks: readonly Buffer[], length: number): void {
    const position = this.end - this.#base;
    const written = chunks.length === 1 ? writeSync(this.#fd, chunks[0]!, 0, length, position) : writevSync(this.#fd, chunks, position);
    if (written === length) return;
    // A short write: the rest in one piece, which says what is wrong (mostly ENOSPC) if it cannot be written either.
    const rest = Buffer.concat(chunks).subarray(written);
    for (let done = 0; done < rest.length;) {
      done += writeSync(this.#fd, rest, done, rest.length - done, position + written + done);
    }
  }
}

async function syncFolder(folder: string): Promise<void> {
  const fd = openSync(folder, 'r');
  try {
    await directorySync(fd);
  } finally {
    closeSync(fd);
  }
}
