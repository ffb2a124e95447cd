/**
 * The order of things that loses nothing: read, send until acknowledged, only then move the position. One send is in flight
 * at a time; after any rejection the client is thrown away and the same batch goes out again on a new one. Consumers drop
 * what that repeats by event id.
 */
import type { SpoolPosition, SpoolRecord, Topics } from '@cairn/audit';
import { batchesOf } from './batch.js';
import { ShipError, shipError } from './error.js';
import { BATCH_BYTES, BATCH_RECORDS, POLL_MS } from './limits.js';
import { messageOf, type Message } from './message.js';
import { backOff, type Alarm } from './pace.js';
import type { Producer } from './producer.js';

export interface Source {
  read(max: number): SpoolRecord[];
  readonly position: SpoolPosition;
}

export interface LoopContext {
  readonly source: Source;
  readonly producer: Producer;
  readonly topics: Topics;
  /** Rung when the spool grew, and at a stop. */
  readonly grown: Alarm;
  /** Rung at a stop: only that cuts a back-off short. */
  readonly stopped: Alarm;
  /** `drain`: end once the spool is read to its end. `now`: end before the next send. */
  readonly stopping: () => 'no' | 'drain' | 'now';
  /** Everything before `position` is acknowledged. */
  readonly acknowledged: (position: SpoolPosition) => void;
  /** The spool is read to its end and all of it is acknowledged. */
  readonly idle: () => void;
  /** A failure, told at every attempt; undefined once it is over. */
  readonly problem: (error: ShipError | undefined) => void;
}

/**
 * Runs until it is told to stop. What goes wrong is told and tried again; rejects with SyntaxError only where the spool holds
 * an event that is not JSON, which no later attempt mends.
 */
export async function shipLoop(context: LoopContext): Promise<void> {
  const delivery = new Delivery(context);
  let failures = 0;
  while (context.stopping() !== 'now') {
    let records: SpoolRecord[];
    try {
      records = context.source.read(BATCH_RECORDS);
      if (failures > 0) context.problem(undefined);
      failures = 0;
    } catch (error) {
      context.problem(new ShipError('spool', `the spool cannot be read: ${(error as Error).message}`, { cause: error }));
      if (context.stopping() !== 'no') break;
      await context.stopped.wait(backOff(++failures));
      continue;
    }
    if (records.length > 0) {
      if (!(await delivery.deliver(records))) break;
      context.acknowledged(context.source.position);
    } else if (context.stopping() === 'drain') break;
    else {
      context.idle();
      await context.grown.wait(POLL_MS);
    }
  }
  await context.producer.disconnect();
}

class Delivery {
  #connected = false;
  #failures = 0;

  constructor(private readonly context: LoopContext) {}

  /** True once every record is acknowledged; false where a stop came first. */
  async deliver(records: readonly SpoolRecord[]): Promise<boolean> {
    const messages = records.map((record) => messageOf(record, this.context.topics));
    for (const batch of batchesOf(messages, BATCH_RECORDS, BATCH_BYTES)) {
      while (!(await this.#attempt(batch))) {
        if (this.context.stopping() === 'now') return false;
        await this.context.stopped.wait(backOff(this.#failures));
      }
    }
    return true;
  }

  async #attempt(batch: readonly Message[]): Promise<boolean> {
    const { producer, problem } = this.context;
    try {
      if (!this.#connected) await producer.connect();
      this.#connected = true;
      await producer.send(batch);
      if (this.#failures > 0) problem(undefined);
      this.#failures = 0;
      return true;
    } catch (error) {
      this.#connected = false;
      this.#failures++;
      problem(shipError(error));
      await producer.disconnect();
      return false;
    }
  }
}
