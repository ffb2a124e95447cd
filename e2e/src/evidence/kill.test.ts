import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createStreamWriter, createVerifier, generateAuditorKey, SpoolReader, type CertificateTrust, type Report } from '@cairn/audit';
import { AGENT, readAuthority, writeAuthority } from './authority.js';

/** 200 on request; each round takes about a third of a second. */
const ROUNDS = Number(process.env['CAIRN_KILL_ROUNDS'] ?? 10);
const WRITER = fileURLToPath(new URL('killed-writer/main.js', import.meta.url));

let dir: string;
let spool: string;
let trust: CertificateTrust;
const { publicJwk } = generateAuditorKey();

before(async () => {
  dir = mkdtempSync(join(tmpdir(), 'cairn-kill-'));
  spool = join(dir, 'spool');
  mkdirSync(spool);
  trust = await writeAuthority(dir);
});
after(() => rmSync(dir, { recursive: true, force: true }));

/** Runs a writer, kills it after `flushes` flushes were told; resolves to its stream and the last seq that it told. */
async function killAfter(flushes: number): Promise<{ stream: string; seq: number }> {
  const child = spawn(process.execPath, [WRITER, dir, spool, publicJwk.kid, publicJwk.x], { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  let told = 0;
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    said += chunk;
    told += chunk.split('\n').length - 1;
    if (told >= flushes) child.kill('SIGKILL');
  });
  await once(child, 'close');
  assert.equal(child.signalCode, 'SIGKILL', 'the writer ended by itself');
  const [stream, seq] = said.slice(0, said.lastIndexOf('\n')).split('\n').at(-1)!.split(' ') as [string, string];
  return { stream, seq: Number(seq) };
}

async function verifySpool(): Promise<Report> {
  const verifier = createVerifier({ trust });
  const reader = new SpoolReader(spool);
  for (let records = reader.read(1000); records.length > 0; records = reader.read(1000)) {
    for (const record of records) {
      if (record.kind === 'event') verifier.event(record.line, record.stream);
      else if (record.kind === 'payload') verifier.payload(record.stream, record.record, record.ciphertext);
      else verifier.checkpoint(record.note);
    }
  }
  assert.deepEqual(reader.damaged, [], 'recovery left torn bytes');
  return verifier.finish();
}

test(`a writer killed ${ROUNDS} times has every event in the spool whose flush it saw return`, async () => {
  const promised = new Map<string, number>();
  for (let round = 0; round < ROUNDS; round++) {
    const { stream, seq } = await killAfter(1 + Math.floor(Math.random() * 400));
    promised.set(stream, seq);
  }
  // Opening a stream recovers what the killed ones left.
  const writer = await createStreamWriter({ dir: spool, agent: AGENT, certify: await readAuthority(dir) });
  await writer.close('end of test');

  const report = await verifySpool();
  assert.deepEqual(report.integrity, { held: true, findings: [], more: 0 });
  for (const [stream, seq] of promised) {
    const coverage = report.coverage.streams.find((each) => each.stream === stream);
    assert.ok(coverage && coverage.events > seq, `${stream}: ${coverage?.events} events, and seq ${seq} was flushed`);
    assert.equal(coverage.closed, false);
    assert.equal(coverage.certified, 'yes');
    assert.deepEqual(coverage.payloads !== 'not-checked' && coverage.payloads.absent, 0);
  }
  assert.equal(report.coverage.streams.length, ROUNDS + 1);
});
