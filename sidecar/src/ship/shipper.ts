/** Spool -> Kafka, in a thread of its own: neither JSON nor TLS nor a slow broker takes a turn of the data path's loop. */
import { Worker } from 'node:worker_threads';
import { readPosition, TOPICS, type SpoolPosition, type Topics } from '@cairn/audit';
import type { KafkaConnection } from './connection.js';
import { ShipError } from './error.js';
import { DRAIN_MS, RETRY_LAST_MS } from './limits.js';
import type { FromWorker, ToWorker, WorkerOptions } from './worker-messages.js';

export interface ShipperOptions {
  /** Root folder of the spool. */
  readonly dir: string;
  readonly kafka: KafkaConnection;
  readonly topics?: Topics | undefined;
  /** What brokers see in their logs and quotas. */
  readonly clientId: string;
  /** Deletes segments that are closed and wholly acknowledged. Default: true, as Kafka keeps them now. */
  readonly deleteAcknowledged?: boolean | undefined;
  /** Told at the first failure, at every failure of another kind, and with undefined once records flow again. */
  readonly onProblem?: ((problem: ShipError | undefined) => void) | undefined;
}

export interface Shipper {
  /** Bytes of each stream that Kafka has acknowledged. Cheap; asking also tells an idle shipper to look at the spool. */
  acknowledged(): SpoolPosition;
  /** Resolves once everything before `position` is acknowledged. Rejects with ShipError `closed` when the shipper closes first. */
  whenAcknowledged(position: SpoolPosition): Promise<void>;
  /** Bytes in the spool that are not acknowledged, as last seen. */
  readonly lag: number;
  /** Why records do not flow now. */
  readonly problem: ShipError | undefined;
  /** Ships what is in the spool, for at most `drainMs`; what is left waits there for the next start. */
  close(drainMs?: number): Promise<void>;
}

export function startShipper(options: ShipperOptions): Shipper {
  return new ThreadShipper(options);
}

interface Waiter {
  position: SpoolPosition;
  resolve: () => void;
  reject: (error: ShipError) => void;
}

class ThreadShipper implements Shipper {
  lag = 0;
  problem: ShipError | undefined;
  #acknowledged: SpoolPosition;
  #worker: Worker | undefined;
  #restart: NodeJS.Timeout | undefined;
  #idle = false;
  #closing = false;
  #waiters: Waiter[] = [];

  constructor(private readonly options: ShipperOptions) {
    this.#acknowledged = readPosition(options.dir, 'shipped');
    this.#start();
  }

  acknowledged(): SpoolPosition {
    if (this.#idle) {
      this.#idle = false;
      this.#post({ kind: 'grown' });
    }
    return this.#acknowledged;
  }

  async whenAcknowledged(position: SpoolPosition): Promise<void> {
    if (covers(this.acknowledged(), position)) return;
    if (this.#closing) throw closedError();
    await new Promise<void>((resolve, reject) => this.#waiters.push({ position, resolve, reject }));
  }

  async close(drainMs: number = DRAIN_MS): Promise<void> {
    this.#closing = true;
    clearTimeout(this.#restart);
    const worker = this.#worker;
    if (worker) {
      const exited = new Promise((resolve) => worker.once('exit', resolve));
      this.#post({ kind: 'close', drainMs });
      await exited;
    }
    for (const { reject } of this.#waiters.splice(0)) reject(closedError());
  }

  #start(): void {
    const { dir, kafka, clientId, topics = TOPICS, deleteAcknowledged = true } = this.options;
    const workerData: WorkerOptions = { dir, kafka, clientId, topics, deleteAcknowledged };
    const worker = new Worker(new URL('./worker.js', import.meta.url), { workerData });
    this.#worker = worker;
    worker.on('message', (message: FromWorker) => this.#receive(message));
    worker.on('error', (error) => this.#tell(new ShipError('spool', `shipping stopped: ${error.message}`, { cause: error })));
    worker.once('exit', () => {
      this.#worker = undefined;
      this.#idle = false;
      if (!this.#closing) this.#restart = setTimeout(() => this.#start(), RETRY_LAST_MS);
    });
  }

  #receive(message: FromWorker): void {
    switch (message.kind) {
      case 'acknowledged':
        this.#acknowledged = message.position;
        this.#release();
        return;
      case 'lag':
        this.lag = message.bytes;
        return;
      case 'idle':
        this.#idle = true;
        return;
      case 'problem':
        this.#tell(message.code ? new ShipError(message.code, message.message) : undefined);
    }
  }

  #release(): void {
    if (this.#waiters.length === 0) return;
    const held = this.#waiters.splice(0);
    for (const waiter of held) {
      if (covers(this.#acknowledged, waiter.position)) waiter.resolve();
      else this.#waiters.push(waiter);
    }
  }

  #tell(problem: ShipError | undefined): void {
    const changed = problem?.message !== this.problem?.message;
    this.problem = problem;
    if (changed) this.options.onProblem?.(problem);
  }

  #post(message: ToWorker): void {
    this.#worker?.postMessage(message);
  }
}

/** Whether `have` is at or behind none of the bytes that `want` names. */
function covers(have: SpoolPosition, want: SpoolPosition): boolean {
  return Object.entries(want).every(([stream, bytes]) => (have[stream] ?? 0) >= bytes);
}

function closedError(): ShipError {
  return new ShipError('closed', 'the sidecar is shutting down before Kafka acknowledged this record; it stays in the spool');
}
