import assert from 'node:assert/strict';
import { appendFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { type AuditEvent, uuidv7, verifyExport, type Report } from '@cairn/audit';
import { SpoolIngest } from '../ingest/spool.js';
import type { Ledger } from '../ledger.js';
import { PayloadReader } from '../payload/payload.js';
import { temporaryLedger } from '../testing/events.js';
import { TestSpool } from '../testing/spool.js';
import { exportLines } from './export.js';
import { verifyLedger } from './verify.js';

let spool: TestSpool;
let ledger: Ledger;
let folder: string;
let close: () => void;
let ids: string[];

beforeEach(async () => {
  ({ ledger, folder, close } = temporaryLedger());
  spool = await TestSpool.create();
  spool.trustFile(folder);
  ids = [...(await spool.stream(700)), ...(await spool.stream(40))];
  new SpoolIngest(ledger, spool.folder).drain();
});
afterEach(() => {
  close();
  rmSync(spool.folder, { recursive: true, force: true });
});

const kinds = (report: Report): string[] => report.integrity.findings.map(({ kind, event }) => `${kind} ${event ?? ''}`.trim());

describe('a spool in a ledger', () => {
  it('holds: every event, payload and checkpoint', async () => {
    let told = 0;
    const report = await verifyLedger(ledger, { onProgress: (records) => (told = records) });
    assert.deepEqual(report.integrity.findings, []);
    assert.equal(report.events, ledger.size());
    assert.ok(told > report.events);
    const [stream] = report.coverage.streams;
    assert.equal(stream!.certified, 'yes');
    assert.equal(stream!.closed, true);
    assert.equal(stream!.unsignedTail, 0);
    assert.deepEqual(stream!.payloads !== 'not-checked' && stream!.payloads.absent, 0);
  });

  it('is taken once, however often and wherever reading begins', () => {
    const size = ledger.size();
    assert.equal(new SpoolIngest(ledger, spool.folder).step(), undefined);
    ledger.database.run('DELETE FROM positions');
    const report = new SpoolIngest(ledger, spool.folder).drain();
    assert.deepEqual([report.events, report.payloads, report.checkpoints, report.conflicts], [0, 0, 0, 0]);
    assert.equal(ledger.size(), size);
  });

  it('gives bodies to the auditor, and to nobody else', async () => {
    const { event } = ledger.event(ids[3]!)!;
    const body = await new PayloadReader(ledger, spool.auditor).open(event, event.request);
    assert.equal(body?.bytes.toString(), '{"body":3}');
    const stranger = await TestSpool.create();
    await assert.rejects(new PayloadReader(ledger, stranger.auditor).open(event, event.request), /sealed to auditor key/);
    rmSync(stranger.folder, { recursive: true, force: true });
  });

  it('keeps a record of bytes that could not be read', async () => {
    const writer = await spool.writer();
    await writer.close('done');
    appendFileSync(join(spool.folder, writer.id, '000000000000.seg'), 'no frame');
    assert.equal(new SpoolIngest(ledger, spool.folder).drain().rejected, 1);
    assert.match((await verifyLedger(ledger)).integrity.findings[0]!.sentence, /could not be read/);
  });
});

describe('an altered ledger', () => {
  const alter = (sql: string): void => ledger.database.exec(sql);

  it('names the event whose line was changed', async () => {
    const victim = ids[9]!;
    const line = ledger.event(victim)!.line.replace('"reason":"test"', '"reason":"nothing"');
    ledger.database.run('UPDATE lines SET line = ? WHERE key = (SELECT key FROM events WHERE id = ?)', [
      line,
      Buffer.from(victim.replaceAll('-', ''), 'hex'),
    ]);
    assert.deepEqual(kinds(await verifyLedger(ledger)), [`altered ${victim}`]);
  });

  it('tells a deleted event, and a deleted stream by its witness', async () => {
    const { stream, seq } = ledger.event(ids[9]!)!.event.integrity;
    alter(`DELETE FROM events WHERE key = (SELECT key FROM events WHERE id = x'${ids[9]!.replaceAll('-', '')}')`);
    const [finding] = (await verifyLedger(ledger)).integrity.findings;
    assert.deepEqual([finding?.kind, finding?.stream, finding?.seq], ['missing', stream, seq]);
    const { event } = ledger.event(ids[720]!)!;
    const entry = { stream: event.integrity.stream, size: event.integrity.seq + 1, root: event.integrity.hash, time: event.time };
    writeFileSync(join(folder, 'witness.jsonl'), `${JSON.stringify(entry)}\n`);
    alter(
      `DELETE FROM events WHERE stream = (SELECT key FROM streams WHERE id = '${entry.stream}'); DELETE FROM checkpoints WHERE stream = '${entry.stream}'`,
    );
    const witnessed = (await verifyLedger(ledger)).integrity.findings.find((each) => each.stream === entry.stream);
    assert.ok(witnessed && ['missing', 'truncated'].includes(witnessed.kind), JSON.stringify(witnessed));
  });

  it('tells an index that hides an event from its time', async () => {
    alter(`UPDATE events SET time = 1 WHERE id = x'${ids[5]!.replaceAll('-', '')}'`);
    assert.deepEqual(kinds(await verifyLedger(ledger)), [`altered ${ids[5]}`]);
  });

  describe('whose search columns were changed', () => {
    const root = { iss: 'https://idp', sub: 'u1', name: 'alice', groups: ['analysts', 'staff'], authn: 'oidc' as const };
    const launch = { id: uuidv7(), chain: uuidv7(), depth: 1, path: ['research/planner'] };
    const operation = { verb: 'SELECT', resource: 'orders', effect: 'read' as const, statement: 'select secrets from orders' };
    const decision = { action: 'Allow', policy: 'p' } as AuditEvent['decision'];
    const session = { id: uuidv7(), seq: 1, direction: 'outbound' } as AuditEvent['session'];
    const target = { name: 'orders', host: 'orders.internal', port: 5432 };
    let id: string;
    beforeEach(async () => {
      ids = await spool.stream(3, { root, launch, operation, decision, session, target });
      id = ids[1]!;
      new SpoolIngest(ledger, spool.folder).drain();
      assert.deepEqual(kinds(await verifyLedger(ledger)), []);
    });
    const only = "WHERE id = x'%'";
    const cases: Record<string, string> = {
      principal: `UPDATE events SET principal = NULL, launch = NULL ${only}`,
      launch: `UPDATE events SET launch = NULL ${only}`,
      agent: `UPDATE events SET agent = (SELECT key FROM terms WHERE kind = 'target') ${only}`,
      target: `UPDATE events SET target = 999999 ${only}`,
      verb: `UPDATE events SET verb = NULL ${only}`,
      action: `UPDATE events SET action = (SELECT key FROM terms WHERE kind = 'verb') ${only}`,
      session: `UPDATE events SET session = NULL ${only}`,
      text: `INSERT INTO words (words, rowid, text) SELECT 'delete', key, 'select secrets from orders orders' FROM events ${only}`,
    };
    for (const [column, sql] of Object.entries(cases)) {
      it(`tells that its ${column} hides an event`, async () => {
        alter(sql.replace('%', id.replaceAll('-', '')));
        const { findings } = (await verifyLedger(ledger)).integrity;
        assert.deepEqual([findings.length, findings[0]?.event], [1, id], JSON.stringify(findings));
        assert.match(findings[0]!.sentence, new RegExp(`another ${column} for event`));
      });
    }

    it('tells every event of a name that was changed, and of a group that was taken away', async () => {
      alter(`UPDATE terms SET value = 'DELETE' WHERE kind = 'verb' AND value = 'SELECT'`);
      assert.equal((await verifyLedger(ledger)).integrity.findings.length, 3);
      alter(`UPDATE terms SET value = 'SELECT' WHERE kind = 'verb'; DELETE FROM principal_groups WHERE name = 'staff'`);
      const { findings } = (await verifyLedger(ledger)).integrity;
      assert.ok(findings.length === 3 && findings.every(({ sentence }) => /another principal/.test(sentence)));
    });
  });

  it('tells a payload with other bytes', async () => {
    alter(`UPDATE payloads SET ciphertext = x'00112233445566778899' WHERE record = (SELECT min(record) FROM payloads)`);
    assert.equal((await verifyLedger(ledger)).integrity.held, false);
  });

  it('tells what ingest kept aside', async () => {
    const { line } = ledger.event(ids[1]!)!;
    ledger.ingest([
      { kind: 'event', line: line.replace('"reason":"test"', '"reason":"x"') },
      { kind: 'event', line: 'nothing' },
    ]);
    const { findings } = (await verifyLedger(ledger)).integrity;
    assert.deepEqual([findings.length, findings[0]?.event], [2, ids[1]]);
  });
});

describe('an export', () => {
  it('verifies as the ledger does', async () => {
    const lines = [...exportLines(ledger)];
    assert.equal(lines.length, ledger.size() + 1);
    const report = await verifyExport(lines, { trust: spool.trust });
    assert.deepEqual(report.integrity.findings, []);
    assert.equal(report.events, ledger.size());
  });

  it('says what is missing where the ledger has no trust file', () => {
    rmSync(join(folder, 'trust.json'));
    assert.throws(() => [...exportLines(ledger)], /trust\.json cannot be read/);
  });

  it('names what was changed, dropped or swapped', async () => {
    const lines = [...exportLines(ledger)];
    const at = 300;
    const { id } = JSON.parse(lines[at]!) as { id: string };
    const altered = lines.with(at, lines[at]!.replace(/"time":"2/, '"time":"3'));
    const dropped = lines.toSpliced(at, 1);
    const swapped = lines.with(at, lines[at + 1]!).with(at + 1, lines[at]!);
    assert.deepEqual(kinds(await verifyExport(altered)), [`altered ${id}`]);
    assert.equal((await verifyExport(dropped)).integrity.findings[0]?.kind, 'missing');
    assert.equal((await verifyExport(swapped)).integrity.findings[0]?.kind, 'reordered');
  });
});
