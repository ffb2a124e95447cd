/**
 * Open-loop load: requests leave at a fixed rate whether or not answers come, so that a slow answer is not hidden by fewer
 * requests (coordinated omission). Arguments: host port target Host rate seconds. Prints {"p50","p99","count"} in ms.
 */
import { connect, type Socket } from 'node:net';
import { quantile } from '../../report/row.js';

const CONNECTIONS = 32;
const [host, port, target, hostHeader, rateText, secondsText] = process.argv.slice(2);
const rate = Number(rateText);
const total = rate * Number(secondsText);
const request = `GET ${target} HTTP/1.1\r\nHost: ${hostHeader}\r\nAccept: application/json\r\n\r\n`;

const latencies: number[] = [];
const idle: Connection[] = [];
/** Times at which requests were due that found no idle connection. */
const waiting: number[] = [];
let sent = 0;

class Connection {
  #due = 0;
  #buffer: Buffer = Buffer.alloc(0);

  constructor(private readonly socket: Socket) {
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('error', fail);
    socket.on('close', () => fail(new Error('the connection was closed')));
  }

  send(due: number): void {
    this.#due = due;
    this.socket.write(request);
  }

  #read(chunk: Buffer): void {
    this.#buffer = this.#buffer.length === 0 ? chunk : Buffer.concat([this.#buffer, chunk]);
    const end = this.#buffer.indexOf('\r\n\r\n');
    if (end < 0) return;
    const head = this.#buffer.toString('latin1', 0, end).toLowerCase();
    if (!head.startsWith('http/1.1 200')) fail(new Error(head.split('\r\n')[0]));
    const length = /\ncontent-length: *(\d+)/.exec(head)?.[1];
    const last =
      length === undefined ? this.#buffer.subarray(-5).equals(Buffer.from('0\r\n\r\n')) : this.#buffer.length >= end + 4 + Number(length);
    if (!last) return;
    this.#buffer = Buffer.alloc(0);
    latencies.push(performance.now() - this.#due);
    const due = waiting.shift();
    if (due === undefined) idle.push(this);
    else this.send(due);
    if (latencies.length === total) report();
  }
}

function fail(error: Error): void {
  if (latencies.length === total) return;
  process.stderr.write(`open-loop: ${error.message}\n`);
  process.exit(1);
}

function report(): void {
  // The first tenth warms connections and code.
  const counted = latencies.slice(total / 10);
  process.stdout.write(JSON.stringify({ p50: quantile(counted, 0.5), p99: quantile(counted, 0.99), count: counted.length }), () =>
    process.exit(0),
  );
}

function tick(begun: number): void {
  const now = performance.now();
  for (const due = Math.min(total, Math.floor(((now - begun) / 1000) * rate)); sent < due; sent++) {
    const connection = idle.pop();
    // A timer that fires late is the generator's fault, not the proxy's: due is the moment of the tick.
    if (connection) connection.send(now);
    else waiting.push(now);
  }
  if (sent < total) setTimeout(tick, 1, begun);
}

await Promise.all(
  Array.from(
    { length: CONNECTIONS },
    () =>
      new Promise<void>((resolve) => {
        const socket = connect(Number(port), host, () => {
          idle.push(new Connection(socket));
          resolve();
        });
        socket.once('error', fail);
      }),
  ),
);
tick(performance.now());
