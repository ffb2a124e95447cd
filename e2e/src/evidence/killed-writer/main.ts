/** Writes evidence until it is killed. Says `<stream> <seq>` after every flush: what it says by then must be in the spool. */
import { writeSync } from 'node:fs';
import { createStreamWriter } from '@cairn/audit';
import { AGENT, readAuthority } from '../authority.js';
import { appendExchange } from '../exchange.js';

const [dir, spool, kid, publicKey] = process.argv.slice(2) as [string, string, string, string];
// Small segments, so that kills also meet the change from one to the next.
const limits = { segmentBytes: 64 * 1024 };
const writer = await createStreamWriter({
  dir: spool,
  agent: AGENT,
  certify: await readAuthority(dir),
  auditorKey: { kid, publicKey },
  limits,
});
for (let number = 0; ; number++) {
  let seq = 0;
  for (let count = number % 7; count >= 0; count--) seq = appendExchange(writer, number, (number * 37) % 2000);
  writer.flush();
  writeSync(1, `${writer.id} ${seq}\n`);
  if (number % 16 === 0) await new Promise((resolve) => setImmediate(resolve));
}
