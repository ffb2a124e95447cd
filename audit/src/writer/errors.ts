/** Why evidence cannot be written, in sentences that say how to mend it. */
import { EvidenceError } from '../stream.js';

const FULL = new Set(['ENOSPC', 'EDQUOT']);

/** What a failed file operation means. An EvidenceError stays as it is. `as` forces the code. */
export function storageError(error: unknown, dir: string, as?: 'io'): EvidenceError {
  if (error instanceof EvidenceError) return error;
  const errno = error as NodeJS.ErrnoException;
  if (!as && FULL.has(errno.code ?? '')) {
    return new EvidenceError('disk-full', `the disk of the spool ${dir} is full: free space or enlarge it; work resumes by itself`, {
      cause: error,
    });
  }
  return new EvidenceError('io', `the spool ${dir} cannot be written (${errno.code ?? errno.message}): mend the disk and restart`, {
    cause: error,
  });
}

/** A fault of ours, which ends the stream: what comes after a lost event cannot be trusted to be whole. */
export function wordless(cause: unknown): EvidenceError {
  const reason = (cause as Error).message;
  return new EvidenceError('io', `an event could not be put into words (${reason}): restart, and report this as a fault`, { cause });
}

export function quotaReached(dir: string, bytes: number): EvidenceError {
  return new EvidenceError(
    'quota',
    `the spool ${dir} has reached its quota of ${bytes} bytes: ship or ingest what it holds, or raise the quota; work resumes by itself`,
  );
}

export function highWaterReached(dir: string, bytes: number): EvidenceError {
  return new EvidenceError(
    'high-water',
    `${bytes} bytes of the spool ${dir} wait to be shipped: see whether Kafka is reachable; work resumes by itself`,
  );
}

export function closed(stream: string): EvidenceError {
  return new EvidenceError('closed', `the evidence stream ${stream} is closed`);
}
