/** What a killed process left: its streams are cut back to their last whole frame, and nothing else. */
import { copyFileSync, openSync, closeSync, ftruncateSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { listSegments, listStreams } from './folder.js';
import { decodeFrame } from './frame.js';
import { disclaim, ownerState } from './owner.js';

export interface Recovered {
  stream: string;
  /** Bytes behind the last whole frame; kept as `<segment>.torn`. */
  torn: number;
}

/** Recovers every stream whose process is gone. The streams stay as they are else: without stream.close, which verify tells. */
export function recoverSpool(dir: string): Recovered[] {
  const recovered: Recovered[] = [];
  for (const stream of listStreams(dir)) {
    const folder = join(dir, stream);
    if (ownerState(folder) !== 'dead') continue;
    const last = listSegments(folder).at(-1);
    recovered.push({ stream, torn: last ? cutTornTail(last.path) : 0 });
    disclaim(folder);
  }
  return recovered;
}

function cutTornTail(path: string): number {
  const bytes = readFileSync(path);
  let whole = 0;
  for (;;) {
    const frame = decodeFrame(bytes, whole);
    if (typeof frame === 'string') break;
    whole += frame.size;
  }
  if (whole === bytes.length) return 0;
  // Damage in the middle looks the same as a torn tail from here on, so no byte is thrown away.
  copyFileSync(path, `${path}.torn`);
  const fd = openSync(path, 'r+');
  ftruncateSync(fd, whole);
  closeSync(fd);
  return bytes.length - whole;
}
