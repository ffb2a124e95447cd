import { mkdir, open, readFile, rename, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { JOURNAL_BYTES, JOURNAL_PENDING_COUNT } from '../limits.js';
import { Problem } from '../http/problem.js';

interface Pending {
  line: string;
  written: () => void;
  failed: (error: unknown) => void;
}

/** Replaces a file as a whole: readers see the old or the new one, also after a crash. */
export async function writeAtomically(file: string, content: string, mode = 0o600): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const draft = `${file}.new`;
  const handle = await open(draft, 'w', mode);
  try {
    await handle.writeFile(content);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(draft, file);
  const folder = await open(dirname(file), 'r');
  await folder.sync().finally(() => folder.close());
}

/** Lines of an earlier run. A last line without its end was never acknowledged and is dropped. */
async function readLines(file: string): Promise<string[]> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  return text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .slice(0, -1);
}

export interface JournalContent<Entry> {
  /** Given every record of earlier runs, in order. */
  load: (entry: Entry) => void;
  /** The records that still matter. */
  current: () => Iterable<Entry>;
}

/**
 * JSON Lines that outlive the process: a record counts once `append` resolves, which is after fdatasync; records that
 * wait together share one.
 */
export class Journal<Entry> {
  readonly #pending: Pending[] = [];
  #running: Promise<void> | undefined;
  /** Bytes of whole records. */
  #size = 0;
  #compactBeyond = JOURNAL_BYTES;

  private constructor(
    readonly file: string,
    private handle: FileHandle,
    private readonly current: () => Iterable<Entry>,
  ) {}

  /** Drops the superseded records of earlier runs, and opens the file for more. */
  static async open<Entry>(file: string, { load, current }: JournalContent<Entry>): Promise<Journal<Entry>> {
    for (const [index, line] of (await readLines(file)).entries()) load(parseLine(line, file, index + 1) as Entry);
    await writeAtomically(file, textOf(current()));
    const journal = new Journal(file, await open(file, 'a', 0o600), current);
    journal.#size = (await journal.handle.stat()).size;
    return journal;
  }

  append(entry: Entry): Promise<void> {
    if (this.#pending.length >= JOURNAL_PENDING_COUNT) {
      return Promise.reject(new Problem(503, 'busy', 'too many records wait for the disk; try again shortly'));
    }
    return new Promise((written, failed) => {
      this.#pending.push({ line: `${JSON.stringify(entry)}\n`, written, failed });
      this.#running ??= this.#writePending();
    });
  }

  async close(): Promise<void> {
    await this.#running;
    await this.handle.close();
  }

  async #writePending(): Promise<void> {
    // Appends of the same turn join one write.
    await Promise.resolve();
    while (this.#pending.length > 0) {
      const batch = this.#pending.splice(0);
      try {
        await this.#write(batch.map((each) => each.line).join(''));
        for (const each of batch) each.written();
      } catch (error) {
        const problem = new Problem(503, 'disk', 'the service cannot write its state; see the disk that holds it', { cause: error });
        for (const each of batch) each.failed(problem);
      }
      // A compaction that fails is tried again after the next batch; nothing was lost.
      if (this.#size > this.#compactBeyond) await this.#compact().catch(() => undefined);
    }
    // In the same turn as the last look at what waits: a record that comes later starts anew.
    this.#running = undefined;
  }

  async #write(text: string): Promise<void> {
    try {
      await this.handle.appendFile(text);
      await this.handle.datasync();
      this.#size += Buffer.byteLength(text);
    } catch (error) {
      // A full disk may have taken half a record: the next one must not continue that line.
      await this.handle.truncate(this.#size);
      throw error;
    }
  }

  async #compact(): Promise<void> {
    const text = textOf(this.current());
    await writeAtomically(this.file, text);
    const next = await open(this.file, 'a', 0o600);
    await this.handle.close();
    this.handle = next;
    this.#size = Buffer.byteLength(text);
    // Not again before it has doubled, however much of it is current.
    this.#compactBeyond = Math.max(JOURNAL_BYTES, 2 * this.#size);
  }
}

function parseLine(line: string, file: string, number: number): unknown {
  try {
    return JSON.parse(line);
  } catch {
    throw new Error(`${file} is damaged at line ${number}; restore it from a copy, or remove the line knowing what it meant`);
  }
}

function textOf(entries: Iterable<unknown>): string {
  let text = '';
  for (const entry of entries) text += `${JSON.stringify(entry)}\n`;
  return text;
}
