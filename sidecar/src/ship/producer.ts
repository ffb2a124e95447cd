/** What the shipper needs of a Kafka client: small, so that another client can take kafkajs' place. */
import type { Message } from './message.js';

export interface Producer {
  /** A new session with a new producer id. Rejects with ShipError. */
  connect(): Promise<void>;
  /**
   * Resolves once every message is acknowledged by all in-sync replicas. Called with one send in flight at a time, in
   * order. After a rejection the producer is of no use until it was disconnected and connected anew. Rejects with ShipError.
   */
  send(messages: readonly Message[]): Promise<void>;
  /** Never rejects. */
  disconnect(): Promise<void>;
}
