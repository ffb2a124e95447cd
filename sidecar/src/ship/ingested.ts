/** Without Kafka: deletes what a ledger acknowledged to hold, verified and on its disk. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { listSegments, readPosition, type SpoolPosition } from '@cairn/audit';
import type { Log } from '../config/log.js';
import { INGESTED_POLL_MS } from './limits.js';
import { deleteAcknowledgedSegments } from './retention.js';

/** Looks every INGESTED_POLL_MS, until the timer is cleared. */
export function deleteIngested(dir: string, log: Log): NodeJS.Timeout {
  const look = (): void => {
    try {
      deleteAcknowledgedSegments(dir, believable(dir, readPosition(dir, 'ingested')));
    } catch (error) {
      log.warn('ingested segments not deleted', { reason: (error as Error).message });
    }
  };
  look();
  return setInterval(look, INGESTED_POLL_MS).unref();
}

/** Only streams that end at or behind what was acknowledged of them: one that claims more speaks of another spool. */
export function believable(dir: string, acknowledged: SpoolPosition): SpoolPosition {
  return Object.fromEntries(
    Object.entries(acknowledged).filter(([stream, reached]) => {
      const last = listSegments(join(dir, stream)).at(-1);
      const end = last && last.base + (statSync(last.path, { throwIfNoEntry: false })?.size ?? 0);
      return end !== undefined && reached <= end;
    }),
  );
}
