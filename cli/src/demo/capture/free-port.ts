/** Ports that nobody listens on, outside the range that the kernel hands out to outgoing connections. */
import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';
import { DemoError } from '../failure.js';
import { FREE_ATTEMPTS } from '../limits.js';

/** Below net.ipv4.ip_local_port_range's usual 32768. */
const RANGE = { from: 18_000, to: 32_000 };
const taken = new Set<number>();

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, () => server.close(() => resolve(true)));
  });
}

/** Never the same twice in one process. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < FREE_ATTEMPTS; attempt++) {
    const port = randomInt(RANGE.from, RANGE.to);
    if (taken.has(port) || !(await isFree(port))) continue;
    taken.add(port);
    return port;
  }
  throw new DemoError(`found no free port between ${RANGE.from} and ${RANGE.to}`, 'Close what listens there and run it again.');
}
