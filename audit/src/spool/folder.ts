/** Names in a spool: `<dir>/<stream>/<12 digits>.seg`, the digits being the offset in the stream of the segment's first byte. */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** Bytes of each stream that were read, acknowledged or ingested; always at the end of a frame. Survives JSON. */
export type SpoolPosition = Readonly<Record<string, number>>;

export interface Segment {
  path: string;
  /** Offset in the stream of the segment's first byte. */
  base: number;
}

const SEGMENT = /^\d{12}\.seg$/;
const STREAM = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

export function segmentPath(folder: string, base: number): string {
  return join(folder, `${String(base).padStart(12, '0')}.seg`);
}

/** Ids of the streams in a spool; as UUIDv7 they sort by the time of their boot. */
export function listStreams(dir: string): string[] {
  if (!existsSync(dir)) return [];
  return readdirSync(dir)
    .filter((name) => STREAM.test(name))
    .sort();
}

/** Segments of one stream in order; none where its folder is gone. */
export function listSegments(folder: string): Segment[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => SEGMENT.test(name))
    .sort()
    .map((name) => ({ path: join(folder, name), base: Number(name.slice(0, 12)) }));
}

/** Bytes of all files of all streams. */
export function spoolBytes(dir: string): number {
  let bytes = 0;
  for (const stream of listStreams(dir)) {
    const folder = join(dir, stream);
    for (const name of readdirSync(folder)) bytes += statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0;
  }
  return bytes;
}
