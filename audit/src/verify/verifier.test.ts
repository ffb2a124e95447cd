import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { auditorPublicKey, generateAuditorKey } from '../seal/auditor-key.js';
import type { AuditEvent } from '../event.js';
import { formatCheckpoint, readCheckpoint } from '../checkpoint/checkpoint.js';
import { newBootKey } from '../writer/boot-key.js';
import { canonicalJson } from '../canonical.js';
import { GENESIS, sha256 } from '../chain.js';
import { testAuthority, writeLog, type TestAuthority, type TestLog } from '../testing/log.js';
import type { SpoolRecord } from '../spool/reader.js';
import { createVerifier, type VerifierOptions } from './verifier.js';
import { openQuestions, type Report } from './report.js';

const { publicJwk } = generateAuditorKey();
let authority: TestAuthority;
let log: TestLog;
let other: TestLog;

before(async () => {
  authority = await testAuthority();
  log = await writeLog(authority, 4, { auditorKey: auditorPublicKey(publicJwk) });
  other = await writeLog(authority, 3);
});

async function verifyRecords(records: readonly SpoolRecord[], options: VerifierOptions = { trust: authority.trust }): Promise<Report> {
  const verifier = createVerifier(options);
  records.forEach((record, index) => {
    if (record.kind === 'event') verifier.event(record.line, index);
    else if (record.kind === 'payload') verifier.payload(record.stream, record.record, record.ciphertext);
    else verifier.checkpoint(record.note);
  });
  return verifier.finish();
}

async function verifyLines(lines: readonly (string | Uint8Array)[], notes: readonly string[], options?: VerifierOptions): Promise<Report> {
  const verifier = createVerifier(options ?? { trust: authority.trust, payloads: false });
  for (const note of notes) verifier.checkpoint(note);
  lines.forEach((line, index) => verifier.event(line, index + 1));
  return verifier.finish();
}

function kinds(report: Report): string[] {
  return report.integrity.findings.map(({ kind, seq }) => `${kind} ${seq}`);
}

/** Rewrites events from `from` on and chains them anew, as somebody can who has no key. */
function rebuild(lines: readonly string[], from: number, change: (event: AuditEvent) => void): string[] {
  let prev = GENESIS;
  return lines.map((line, index) => {
    const event = JSON.parse(line) as AuditEvent;
    if (index === from) change(event);
    const integrity = { prev, seq: index, stream: event.integrity.stream };
    const hash = sha256(canonicalJson({ ...event, integrity }));
    prev = hash;
    return canonicalJson({ ...event, integrity: { ...integrity, hash } });
  });
}

describe('an untouched log', () => {
  test('holds, and leaves nothing open', async () => {
    const report = await verifyRecords(log.records);
    assert.deepEqual(report.integrity, { held: true, findings: [], more: 0 });
    assert.equal(report.coverage.complete, true);
    const [stream] = report.coverage.streams;
    assert.equal(stream!.events, log.lines.length);
    assert.equal(stream!.signedUpTo, log.lines.length);
    assert.equal(stream!.agent, 'research/planner');
    assert.deepEqual(stream!.payloads, { sealed: 2, absent: 0 });
    assert.deepEqual(openQuestions(stream!), []);
  });

  test('holds in every interleaving with another stream, notes and payloads first or last', async () => {
    const mixed = log.records.flatMap((record, index) => [record, ...other.records.slice(index, index + 1)]);
    const notes = mixed.filter(({ kind }) => kind === 'checkpoint');
    const payloads = mixed.filter(({ kind }) => kind === 'payload');
    const events = mixed.filter(({ kind }) => kind === 'event');
    for (const order of [mixed, [...notes, ...payloads, ...events], [...events, ...payloads, ...notes]]) {
      const report = await verifyRecords(order);
      assert.deepEqual(report.integrity.findings, []);
      assert.equal(report.coverage.complete, true);
      assert.equal(report.events, log.lines.length + other.lines.length);
    }
  });

  test('holds when every record is delivered twice, and counts it', async () => {
    const report = await verifyRecords([...log.records, ...log.records]);
    assert.deepEqual(report.integrity.findings, []);
    assert.equal(report.coverage.streams[0]!.duplicates, log.lines.length);
    assert.equal(report.events, log.lines.length);
  });

  test('holds backwards where the source keeps no order, and is reordered where it does', async () => {
    const backwards = log.records.toReversed();
    const report = await verifyRecords(backwards, { trust: authority.trust, order: 'any' });
    assert.deepEqual(report.integrity.findings, []);
    assert.equal(report.coverage.streams[0]!.signedUpTo, log.lines.length);
    assert.ok(kinds(await verifyRecords(backwards)).every((kind) => kind.startsWith('reordered')));
  });

  test('is not vouched for where nobody says whom to trust', async () => {
    const report = await verifyRecords(log.records, {});
    assert.equal(report.integrity.held, true);
    assert.equal(report.coverage.complete, false);
    assert.equal(report.coverage.streams[0]!.certified, 'unknown');
  });
});

describe('one changed byte', () => {
  test('of any event line is found, and that event alone is named', async () => {
    const { lines, notes, stream } = await writeLog(authority, 2, { auditorKey: auditorPublicKey(publicJwk) });
    for (const [index, line] of lines.entries()) {
      const { id } = JSON.parse(line) as AuditEvent;
      const idAt = line.indexOf(id);
      for (let at = 0; at < line.length; at++) {
        const changed = Buffer.from(line);
        changed[at]! ^= at % 2 === 0 ? 0x01 : 0x10;
        const report = await verifyLines((lines as (string | Buffer)[]).with(index, changed), notes, {});
        const told = report.integrity.findings.map(({ kind, stream: of, seq, where }) => ({ kind, stream: of, seq, where }));
        const expected = [{ kind: 'altered', stream, seq: index, where: index + 1 }];
        assert.deepEqual(told, expected, `byte ${at} of line ${index + 1}: ${changed.toString()}`);
        // An id is what is told of a line; where it is itself what changed, it is told as it now is.
        if (at < idAt - 6 || at >= idAt + id.length + 15) assert.equal(report.integrity.findings[0]!.event, id);
      }
    }
  });

  test('of a checkpoint note is found', async () => {
    const note = log.notes.at(-1)!;
    const bytes = Buffer.from(note);
    for (let at = 0; at < bytes.length; at++) {
      for (const bit of [0, 6]) {
        const changed = Buffer.from(bytes);
        changed[at]! ^= 1 << bit;
        const report = await verifyLines(log.lines, [changed.toString('latin1') === note ? '' : changed.toString()]);
        assert.equal(report.integrity.held, false, `byte ${at} bit ${bit}`);
      }
    }
  });

  test('of a payload is found, and its seal is named', async () => {
    const [payload] = log.payloads;
    for (let at = 0; at < payload!.ciphertext.length; at++) {
      const ciphertext = Buffer.from(payload!.ciphertext);
      ciphertext[at]! ^= 1;
      const altered = { ...payload!, ciphertext };
      const report = await verifyRecords(log.records.map((record) => (record === payload ? altered : record)));
      assert.equal(report.integrity.findings.length, 1);
      assert.match(report.integrity.findings[0]!.sentence, /payload record 0 was altered/);
    }
  });

  test('of a certificate is found, also where the chain was rebuilt over it', async () => {
    const certificate = (JSON.parse(log.lines[0]!) as AuditEvent).stream!.certificate;
    for (let at = 0; at < certificate.length; at++) {
      const last = certificate[at] === 'A' ? 'B' : 'A';
      const lines = rebuild(
        log.lines,
        0,
        (event) => (event.stream!.certificate = certificate.slice(0, at) + last + certificate.slice(at + 1)),
      );
      const report = await verifyLines(lines, []);
      assert.deepEqual(kinds(report), ['forged 0'], `character ${at}`);
      assert.equal(report.coverage.streams[0]!.signedUpTo, 0);
    }
  });
});

describe('lines', () => {
  test('that are dropped are missing, or truncated at the end', async () => {
    for (const index of log.lines.keys()) {
      const report = await verifyLines(log.lines.toSpliced(index, 1), log.notes);
      const kind = index === log.lines.length - 1 ? 'truncated' : 'missing';
      assert.deepEqual(kinds(report), [`${kind} ${index}`]);
      assert.equal(report.integrity.findings[0]!.stream, log.stream);
    }
  });

  test('that are swapped are reordered, whichever pair', async () => {
    for (const first of log.lines.keys()) {
      for (let second = first + 1; second < log.lines.length; second++) {
        const swapped = log.lines.with(first, log.lines[second]!).with(second, log.lines[first]!);
        const report = await verifyLines(swapped, log.notes);
        assert.ok(report.integrity.findings.length > 0);
        assert.ok(
          report.integrity.findings.every(({ kind }) => kind === 'reordered'),
          kinds(report).join(),
        );
        assert.ok(report.integrity.findings.some(({ seq }) => seq === first));
      }
    }
  });

  test('that are cut off at any place are truncated', async () => {
    for (let length = 1; length < log.lines.length; length++) {
      const report = await verifyLines(log.lines.slice(0, length), log.notes);
      assert.deepEqual(kinds(report), [`truncated ${length}`]);
      assert.equal(report.integrity.findings[0]!.count, log.lines.length - length);
    }
  });

  test('that are all gone leave a whole stream missing', async () => {
    const report = await verifyLines(other.lines, [...log.notes, ...other.notes]);
    assert.deepEqual(
      report.integrity.findings.map(({ kind, stream }) => ({ kind, stream })),
      [{ kind: 'missing', stream: log.stream }],
    );
  });

  test('of another stream in the place of ours are missed in ours', async () => {
    for (let index = 1; index < log.lines.length; index++) {
      const spliced = log.lines.with(index, other.lines[1]!);
      const report = await verifyLines([...other.lines, ...spliced], [...log.notes, ...other.notes]);
      const kind = index === log.lines.length - 1 ? 'truncated' : 'missing';
      assert.deepEqual(kinds(report), [`${kind} ${index}`]);
      assert.equal(report.integrity.findings[0]!.stream, log.stream);
    }
  });

  test('of another stream that claim to be of ours are altered', async () => {
    for (let index = 1; index < log.lines.length; index++) {
      const claimed = other.lines[1]!.replaceAll(other.stream, log.stream);
      const report = await verifyLines(log.lines.with(index, claimed), log.notes);
      assert.ok(
        kinds(report).some((kind) => kind.startsWith('altered')),
        kinds(report).join(),
      );
    }
  });
});

describe('a chain rebuilt without the key', () => {
  test('over one event alone blames that event', async () => {
    for (let index = 1; index < log.lines.length - 1; index++) {
      const rebuilt = rebuild(log.lines, index, (event) => (event.time = '2030-01-01T00:00:00Z'));
      const report = await verifyLines(log.lines.with(index, rebuilt[index]!), log.notes);
      assert.deepEqual(kinds(report), [`altered ${index}`]);
    }
  });

  test('to its end is forged from the first event behind the last good checkpoint', async () => {
    for (let index = 1; index < log.lines.length; index++) {
      const report = await verifyLines(
        rebuild(log.lines, index, (event) => (event.time = '2030-01-01T00:00:00Z')),
        log.notes,
      );
      assert.deepEqual(kinds(report), ['forged 1']);
      assert.equal(report.integrity.findings[0]!.event, (JSON.parse(log.lines[1]!) as AuditEvent).id);
    }
  });

  test('with checkpoints by another key is forged', async () => {
    const lines = rebuild(log.lines, 3, (event) => (event.time = '2030-01-01T00:00:00Z'));
    const root = (JSON.parse(lines.at(-1)!) as AuditEvent).integrity.hash;
    const note = formatCheckpoint({ ...readCheckpoint(log.notes.at(-1)!), root }, newBootKey());
    assert.deepEqual(kinds(await verifyLines(lines, [log.notes[0]!, note])), ['forged 1']);
  });

  test('with a key that the trusted issuer did not certify is forged', async () => {
    const stranger = await writeLog(await testAuthority(), 2);
    const report = await verifyLines(stranger.lines, stranger.notes);
    assert.deepEqual(kinds(report), ['forged 0']);
    assert.equal(report.coverage.streams[0]!.certified, 'no');
  });

  test('and without its checkpoints shows by a witness alone', async () => {
    const lines = rebuild(log.lines, 3, (event) => (event.time = '2030-01-01T00:00:00Z'));
    const unsigned = await verifyLines(lines, [log.notes[0]!]);
    assert.equal(unsigned.integrity.held, true);
    assert.equal(unsigned.coverage.streams[0]!.unsignedTail, lines.length - 1);
    const witness = [readCheckpoint(log.notes.at(-1)!)];
    assert.deepEqual(kinds(await verifyLines(lines, [log.notes[0]!], { trust: authority.trust, witness, payloads: false })), ['forged 1']);
  });
});

describe('a witness', () => {
  test('confirms what it saw', async () => {
    const witness = log.notes.map(readCheckpoint);
    const report = await verifyRecords(log.records, { trust: authority.trust, witness });
    assert.equal(report.integrity.held, true);
    assert.equal(report.coverage.streams[0]!.witnessed, log.lines.length);
  });

  test('tells of a tail and of a stream that are gone with their checkpoints', async () => {
    const witness = [...log.notes, ...other.notes].map(readCheckpoint);
    const options = { trust: authority.trust, witness, payloads: false };
    const report = await verifyLines(log.lines.slice(0, 3), [log.notes[0]!], options);
    assert.deepEqual(kinds(report).toSorted(), ['missing 0', 'truncated 3']);
  });
});

test('an event behind the end of a stream is forged', async () => {
  const lines = [...log.lines, log.lines[1]!];
  const report = await verifyLines(
    rebuild(lines, lines.length - 1, (event) => (event.id = 'later')),
    [],
  );
  assert.deepEqual(kinds(report), [`forged ${log.lines.length}`]);
});
