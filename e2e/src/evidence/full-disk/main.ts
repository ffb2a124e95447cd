/** Writes evidence until the disk (or the quota) is full, frees space, goes on, closes; tells as JSON what it saw. */
import { cpSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createStreamWriter, EvidenceError } from '@cairn/audit';
import { AGENT, readAuthority } from '../authority.js';
import { appendExchange } from '../exchange.js';

const [dir, disk, quotaBytes] = process.argv.slice(2) as [string, string, string];
const spool = join(disk, 'spool');
const ballast = join(disk, 'ballast');
writeFileSync(ballast, Buffer.alloc(512 * 1024));
// Under a quota the ballast is a stream of old.
const oldStream = join(spool, '01900000-0000-7000-8000-000000000000');

const writer = await createStreamWriter({
  dir: spool,
  agent: AGENT,
  certify: await readAuthority(dir),
  limits: { quotaBytes: Number(quotaBytes) },
});
let lost = 0;
let failure: EvidenceError | undefined;
for (let number = 0; !failure; number++) {
  appendExchange(writer, number, 100);
  appendExchange(writer, number, 100);
  try {
    writer.flush();
  } catch (error) {
    if (!(error instanceof EvidenceError)) throw error;
    failure = error;
    lost += 4;
  }
}
const refused = writer.refusing?.code;
// What ends while the disk is full is lost, and must be told.
appendExchange(writer, 0, 100);
try {
  writer.flush();
} catch {
  lost += 2;
}
rmSync(ballast);
rmSync(oldStream, { recursive: true, force: true });
while (writer.refusing) await new Promise((resolve) => setTimeout(resolve, 20));
for (let number = 0; number < 100; number++) appendExchange(writer, number, 100);
writer.flush();
await writer.close('end of test');
cpSync(spool, join(dir, 'kept'), { recursive: true });
console.log(JSON.stringify({ stream: writer.id, code: failure.code, message: failure.message, refused, lost }));
