/** What the shipper and its thread say to each other. */
import type { SpoolPosition, Topics } from '@cairn/audit';
import type { KafkaConnection } from './connection.js';
import type { ShipError } from './error.js';

export interface WorkerOptions {
  readonly dir: string;
  readonly kafka: KafkaConnection;
  readonly clientId: string;
  readonly topics: Topics;
  readonly deleteAcknowledged: boolean;
}

export type ToWorker = { readonly kind: 'grown' } | { readonly kind: 'close'; readonly drainMs: number };

export type FromWorker =
  | { readonly kind: 'acknowledged'; readonly position: SpoolPosition }
  | { readonly kind: 'lag'; readonly bytes: number }
  | { readonly kind: 'idle' }
  /** An absent code: records flow again. */
  | { readonly kind: 'problem'; readonly code: ShipError['code'] | undefined; readonly message: string };
