/** Standard output that waits when its reader is slow and ends quietly when its reader is gone (`cairn query | head`). */
import { once } from 'node:events';

/** Thrown to leave a command because nobody reads any more. */
class ReaderGone extends Error {}

/** Runs a command's output; resolves also when the reader left. */
export async function untilReaderLeaves(work: () => Promise<void>): Promise<void> {
  let leave: (gone: ReaderGone) => void = () => undefined;
  const left = new Promise<never>((_, reject) => (leave = reject));
  left.catch(() => undefined);
  const onError = (error: NodeJS.ErrnoException): void => {
    if (error.code !== 'EPIPE') throw error;
    leave(new ReaderGone());
  };
  process.stdout.on('error', onError);
  try {
    await Promise.race([work(), left]);
  } catch (error) {
    if (!(error instanceof ReaderGone)) throw error;
  }
}

/** Writes lines in blocks. */
export async function writeLines(lines: Iterable<string> | AsyncIterable<string>): Promise<void> {
  let block = '';
  for await (const line of lines) {
    block += `${line}\n`;
    if (block.length < BLOCK_CHARACTERS) continue;
    await write(block);
    block = '';
  }
  await write(block);
}

/** Characters that are collected before a write. */
const BLOCK_CHARACTERS = 64 * 1024;

/** Resolves when the text is taken; rejects when the reader is gone. */
export async function write(text: string | Uint8Array): Promise<void> {
  if (text.length === 0) return;
  if (process.stdout.destroyed || process.stdout.errored) throw new ReaderGone();
  if (!process.stdout.write(text))
    await Promise.race([once(process.stdout, 'drain'), once(process.stdout, 'close').then(() => Promise.reject(new ReaderGone()))]);
}
