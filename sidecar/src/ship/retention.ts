/** The spool's files behind the acknowledged position: how many bytes wait, and what can go. */
import { rmdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { listSegments, listStreams, ownerState, type Segment, type SpoolPosition } from '@cairn/audit';

/** Bytes in the spool that are not acknowledged. */
export function lagBytes(dir: string, acknowledged: SpoolPosition): number {
  let bytes = 0;
  for (const stream of listStreams(dir)) {
    const last = listSegments(join(dir, stream)).at(-1);
    if (last) bytes += Math.max(0, endOf(last) - (acknowledged[stream] ?? 0));
  }
  return bytes;
}

/**
 * Deletes segments that Kafka holds wholly and that nobody writes any more. The last segment of a stream goes only once the
 * stream is closed. What recovery set aside (`*.torn`) stays, and its folder with it.
 */
export function deleteAcknowledgedSegments(dir: string, acknowledged: SpoolPosition): void {
  for (const stream of listStreams(dir)) {
    const folder = join(dir, stream);
    const segments = listSegments(folder);
    const reached = acknowledged[stream] ?? 0;
    // A stream of which nothing was read may be one that is being opened right now.
    if (reached === 0) continue;
    segments.forEach((segment, index) => {
      const next = segments[index + 1];
      if (next ? next.base <= reached : endOf(segment) <= reached && ownerState(folder) === 'closed') rmSync(segment.path, { force: true });
    });
    if (listSegments(folder).length === 0) removeEmpty(folder);
  }
}

function endOf(segment: Segment): number {
  return segment.base + (statSync(segment.path, { throwIfNoEntry: false })?.size ?? 0);
}

function removeEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOTEMPTY') throw error;
  }
}
