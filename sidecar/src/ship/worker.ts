/** The shipper's thread: the ship loop between the spool's files and kafkajs. */
import { parentPort, workerData } from 'node:worker_threads';
import { readPosition, SpoolReader, type SpoolPosition, writePosition } from '@cairn/audit';
import { kafkajsProducer } from './kafkajs-producer.js';
import { POSITION_EVERY_MS } from './limits.js';
import { shipLoop } from './loop.js';
import { Alarm } from './pace.js';
import { deleteAcknowledgedSegments, lagBytes } from './retention.js';
import type { FromWorker, ToWorker, WorkerOptions } from './worker-messages.js';

const options = workerData as WorkerOptions;
const main = parentPort!;
const grown = new Alarm();
const stopped = new Alarm();
let stopping: 'no' | 'drain' | 'now' = 'no';
let position: SpoolPosition = readPosition(options.dir, 'shipped');
let written = position;
let writtenAt = 0;
/** Whether the main thread knows that we are idle. */
let idleTold = false;

function post(message: FromWorker): void {
  main.postMessage(message);
}

function keepPosition(everyMs: number): void {
  if (Date.now() - writtenAt < everyMs) return;
  writtenAt = Date.now();
  if (written !== position) {
    writePosition(options.dir, 'shipped', position);
    written = position;
    if (options.deleteAcknowledged) deleteAcknowledgedSegments(options.dir, position);
  }
  post({ kind: 'lag', bytes: lagBytes(options.dir, position) });
}

main.on('message', (message: ToWorker) => {
  if (message.kind === 'close') {
    stopping = 'drain';
    setTimeout(() => {
      stopping = 'now';
      stopped.wake();
    }, message.drainMs).unref();
  }
  idleTold = false;
  grown.wake();
});

await shipLoop({
  source: new SpoolReader(options.dir, position),
  producer: kafkajsProducer(options.kafka, options.clientId),
  topics: options.topics,
  grown,
  stopped,
  stopping: () => stopping,
  acknowledged(reached) {
    position = reached;
    post({ kind: 'acknowledged', position });
    keepPosition(POSITION_EVERY_MS);
  },
  idle() {
    keepPosition(POSITION_EVERY_MS);
    if (!idleTold) post({ kind: 'idle' });
    idleTold = true;
  },
  problem(error) {
    post({ kind: 'problem', code: error?.code, message: error?.message ?? '' });
    keepPosition(POSITION_EVERY_MS);
  },
});
keepPosition(0);
main.close();
