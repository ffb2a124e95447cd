import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createVerifier, SpoolReader, type CertificateTrust } from '@cairn/audit';
import { writeAuthority } from './authority.js';

const WRITER = fileURLToPath(new URL('full-disk/main.js', import.meta.url));
const PLENTY = 1024 ** 3;

let dir: string;
let trust: CertificateTrust;
before(async () => {
  dir = mkdtempSync(join(tmpdir(), 'cairn-full-'));
  trust = await writeAuthority(dir);
  mkdirSync(join(dir, 'disk'));
});
after(() => rmSync(dir, { recursive: true, force: true }));

interface Seen {
  stream: string;
  code: string;
  message: string;
  refused: string;
  lost: number;
}

/** Runs the writer on a disk of 1 MiB that exists only for it; `undefined` where this machine lets nobody mount one. */
function runOnTinyDisk(): Seen | undefined {
  const disk = join(dir, 'disk');
  const script = 'mount -t tmpfs -o size=1m tmpfs "$1" || exit 77; shift; exec "$@"';
  const unshare = ['--mount', '--map-root-user', 'sh', '-c', script, 'sh', disk, process.execPath, WRITER, dir, disk, String(PLENTY)];
  const { status, stdout, stderr } = spawnSync('unshare', unshare, { encoding: 'utf8' });
  if (status === 77 || status === null || /unshare failed/.test(stderr)) return undefined;
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout) as Seen;
}

/** The same within a quota of 1 MiB, half of which an old stream takes. */
function runUnderQuota(): Seen {
  const disk = join(dir, 'quota');
  const old = join(disk, 'spool', '01900000-0000-7000-8000-000000000000');
  mkdirSync(old, { recursive: true });
  writeFileSync(join(old, 'old.torn'), Buffer.alloc(512 * 1024));
  const { status, stdout, stderr } = spawnSync(process.execPath, [WRITER, dir, disk, String(1024 * 1024)], { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout) as Seen;
}

async function judge(seen: Seen): Promise<void> {
  const verifier = createVerifier({ trust });
  const records = new SpoolReader(join(dir, 'kept')).read(Number.POSITIVE_INFINITY);
  for (const record of records) {
    if (record.kind === 'event') verifier.event(record.line, record.stream);
    else if (record.kind === 'checkpoint') verifier.checkpoint(record.note);
  }
  const report = await verifier.finish();
  assert.deepEqual(report.integrity.findings, []);
  const stream = report.coverage.streams.find((each) => each.stream === seen.stream)!;
  assert.equal(stream.closed, true);
  assert.equal(stream.unsignedTail, 0);
  assert.deepEqual(stream.gaps, { count: seen.lost, reasons: [seen.code] });
  assert.equal(stream.intentsWithoutOutcome.count, 0);
}

describe('a writer that finds no room', () => {
  test('on a full disk refuses, resumes when there is room, and tells what was lost', async () => {
    const seen = runOnTinyDisk() ?? runUnderQuota();
    assert.equal(seen.refused, seen.code);
    assert.match(seen.message, /is full|has reached its quota/);
    await judge(seen);
  });

  test('under its quota refuses, resumes when there is room, and tells what was lost', async () => {
    rmSync(join(dir, 'kept'), { recursive: true });
    const seen = runUnderQuota();
    assert.equal(seen.code, 'quota');
    await judge(seen);
  });
});
