/** The commands around evidence, as processes, on evidence that real stream writers wrote. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { AuditEvent } from '@cairn/audit';
import { openLedger } from '@cairn/ledger';
import { chainLedger, HOSTILE, type ChainLedger } from '../testing/chain.js';
import { pastTime } from './evidence.js';

const CAIRN = join(import.meta.dirname, '..', '..', 'bin', 'cairn.js');
const DROP = 'DROP TABLE orders';

let chain: ChainLedger;
let folder: string;
before(async () => {
  chain = await chainLedger();
  folder = mkdtempSync(join(tmpdir(), 'cairn-cli-'));
});
after(() => {
  chain.remove();
  rmSync(folder, { recursive: true, force: true });
});

interface Outcome {
  status: number | null;
  stdout: string;
  stderr: string;
}

function cairn(args: string[], input = ''): Outcome {
  const { status, stdout, stderr } = spawnSync(process.execPath, [CAIRN, ...args], {
    input,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  return { status, stdout, stderr };
}

const linesOf = (outcome: Outcome): string[] => outcome.stdout.split('\n').filter((line) => line !== '');
const query = (...args: string[]): AuditEvent[] =>
  linesOf(cairn(['query', '--ledger', chain.folder, '--json', ...args])).map((line) => JSON.parse(line) as AuditEvent);

describe('cairn query', () => {
  it('prints exactly the stored lines, one each, with --json', () => {
    const ledger = openLedger(chain.folder);
    const stored = [...ledger.query()].map(({ line }) => line);
    ledger.close();
    const outcome = cairn(['query', '--ledger', chain.folder, '--json']);
    assert.equal(outcome.status, 0);
    assert.deepEqual(linesOf(outcome), stored);
  });

  it('takes every filter', () => {
    const drop = query(
      '--root',
      'alice@example.com',
      '--group',
      'analysts',
      '--agent',
      'data/writer',
      '--target',
      'orders',
      '--verb',
      'drop',
      '--decision',
      'Deny',
    );
    assert.deepEqual(
      drop.map(({ stage }) => stage),
      ['complete', 'intent'],
    );
    assert.equal(query('--text', 'total', '--since', '1h', '--order', 'oldest', '--limit', '1')[0]?.operation?.verb, 'UPDATE');
    assert.equal(query('--chain', chain.chain).length, 19);
    assert.equal(query('--until', '2020-01-01T00:00:00+02:00').length, 0);
  });

  it('prints a table without colour where nobody sees colours, and no control character of an agent', () => {
    const { stdout } = cairn(['query', '--ledger', chain.folder, '--text', '31mred']);
    assert.match(stdout, /SELECT '\\u001b\[31mred/);
    assert.ok(!stdout.includes('\u001b'));
  });

  it('ends quietly when its reader leaves', async () => {
    const ledger = openLedger(join(folder, 'large'), { create: true });
    const line = [...linesOfAlice(chain.folder)][0]!;
    ledger.ingest(Array.from({ length: 3_000 }, (_, seq) => ({ kind: 'event' as const, line: renumbered(line, seq) })));
    ledger.close();
    const child = spawn(process.execPath, [CAIRN, 'query', '--ledger', join(folder, 'large'), '--json'], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stderr = '';
    child.stderr.on('data', (chunk: Buffer) => (stderr += String(chunk)));
    await once(child.stdout, 'data');
    child.stdout.destroy();
    const [code] = (await once(child, 'close')) as [number];
    assert.deepEqual([code, stderr], [0, '']);
  });

  it('exits 2 with a sentence where it cannot be used', () => {
    for (const [args, sentence] of [
      [['query', '--ledger', join(folder, 'none')], /is no ledger/],
      [['query'], /required option '--ledger/],
      [['query', '--ledger', chain.folder, '--since', 'soon'], /write it as 2026/],
      [['query', '--ledger', chain.folder, '--limit', '0'], /whole number above 0/],
      [['tree', 'nobody', '--ledger', chain.folder], /no launch or chain nobody/],
    ] as [string[], RegExp][]) {
      const { status, stderr, stdout } = cairn(args);
      assert.deepEqual([status, stdout], [2, ''], args.join(' '));
      assert.match(stderr, sentence);
      assert.doesNotMatch(stderr, /\n\s+at /);
    }
  });
});

function linesOfAlice(from: string): string[] {
  const ledger = openLedger(from);
  const lines = [...ledger.query({ root: 'u-1' })].map(({ line }) => line);
  ledger.close();
  return lines;
}

function renumbered(line: string, seq: number): string {
  const event = JSON.parse(line) as AuditEvent;
  const id = `00000000-0000-7000-8000-${String(seq).padStart(12, '0')}`;
  return JSON.stringify({ ...event, id, integrity: { ...event.integrity, seq } });
}

describe('cairn tree and replay', () => {
  it('draws the trail from the person to the last row', () => {
    const { stdout, status } = cairn(['tree', '--ledger', chain.folder]);
    assert.equal(status, 0);
    const depths = [
      'alice@example.com (analysts)',
      'research/planner · depth 1',
      'research/researcher · depth 2',
      'data/writer · depth 3',
      `${DROP} → orders`,
    ];
    const columns = depths.map(
      (text) =>
        stdout
          .split('\n')
          .find((line) => line.includes(text))
          ?.indexOf(text) ?? -1,
    );
    assert.deepEqual(
      columns,
      columns.toSorted((a, b) => a - b),
      stdout,
    );
    assert.ok(
      columns.every((column, index) => index === 0 || column > columns[index - 1]!),
      stdout,
    );
    assert.match(stdout, /SELECT id, email.*1 row .*masked email ×1.*by serialized/);
    assert.match(stdout, /RequireApproval → Allow by research\/writes \(approved by bob@example\.com\)/);
    assert.match(stdout, /DROP TABLE orders.*Deny by research\/no-schema-changes: schema changes go through migrations/);
    assert.equal(cairn(['tree', chain.chain, '--ledger', chain.folder]).stdout, stdout);
    const tree = JSON.parse(cairn(['tree', '--ledger', chain.folder, '--json']).stdout) as { chain: string; events: number };
    assert.deepEqual([tree.chain, tree.events], [chain.chain, 19]);
  });

  it('replays in causal order, every statement with its parameters', () => {
    const { stdout } = cairn(['replay', chain.chain, '--ledger', chain.folder]);
    const at = (text: string): number => stdout.indexOf(text);
    assert.ok(at('POST /serve-0') >= 0 && at('POST /serve-0') < at('POST /call-1') && at('POST /call-2') < at('SELECT id, email'));
    assert.match(stdout, /\$1 = 7/);
    assert.match(stdout, /bytes under seal; --key opens it/);
    assert.ok(!stdout.includes('carol'));
    assert.ok(!stdout.includes(HOSTILE));
  });

  it('opens bodies with the key; what was masked stays masked unless it is asked for', () => {
    const args = ['replay', '--ledger', chain.folder, '--key', chain.auditorKey];
    assert.match(cairn(args).stdout, /"email": "\*\*\*"/);
    assert.match(cairn([...args, '--unmask']).stdout, /"email": "carol@example\.com"/);
    const [complete] = query('--text', 'email', '--limit', '1');
    const unsealed = cairn(['unseal', complete!.id, '--ledger', chain.folder, '--key', chain.auditorKey, '--raw']);
    assert.equal(unsealed.stdout, '[{"id":7,"email":"carol@example.com"}]');
    assert.equal(cairn(['unseal', chain.intents[DROP]!, '--ledger', chain.folder, '--key', chain.auditorKey]).status, 2);
  });

  it('goes step by step, as long as somebody asks for more', () => {
    const { stdout, status } = cairn(['replay', '--step', '--ledger', chain.folder], '\n\nq\n');
    assert.equal(status, 0);
    assert.deepEqual(
      linesOf({ status, stdout, stderr: '' }).map((line) => line.split(' ')[0]),
      ['1/19', '2/19', '3/19'],
    );
  });
});

describe('cairn tail', () => {
  it('prints what arrives and matches, and ends at a signal', async () => {
    const tailed = join(folder, 'tailed');
    cpSync(chain.folder, tailed, { recursive: true });
    const child = spawn(process.execPath, [CAIRN, 'tail', '--ledger', tailed, '--root', 'dave', '--json'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const line = [...linesOfAlice(chain.folder)][0]!;
    const event = JSON.parse(line) as AuditEvent;
    const arriving = (seq: number, name: string): string =>
      JSON.stringify({ ...(JSON.parse(renumbered(line, seq)) as AuditEvent), root: { ...event.root, name } });
    const ledger = openLedger(tailed);
    let seq = 5_000;
    // What was there before it began to look is not told: so one arrives after another until one is seen.
    const timer = setInterval(
      () =>
        ledger.ingest([
          { kind: 'event', line: arriving(seq++, 'carol') },
          { kind: 'event', line: arriving(seq++, 'dave') },
        ]),
      50,
    );
    const [data] = (await once(child.stdout, 'data')) as [Buffer];
    clearInterval(timer);
    ledger.close();
    assert.equal((JSON.parse(String(data).split('\n')[0]!) as AuditEvent).root?.name, 'dave');
    child.kill('SIGTERM');
    assert.deepEqual(await once(child, 'exit'), [0, null]);
  });
});

describe('cairn verify', () => {
  const exported = (): string[] => linesOf(cairn(['export', '--ledger', chain.folder]));
  const verifyFile = (lines: string[], ...args: string[]): Outcome => {
    const file = join(folder, 'export.jsonl');
    writeFileSync(file, `${lines.join('\n')}\n`);
    return cairn(['verify', file, ...args]);
  };

  it('says of a ledger, its spool and its export that they hold, integrity and coverage apart', () => {
    for (const outcome of [
      cairn(['verify', chain.folder]),
      cairn(['verify', join(chain.folder, 'spool'), '--trust', join(chain.folder, 'trust.json')]),
      verifyFile(exported()),
    ]) {
      assert.equal(outcome.status, 0, outcome.stdout + outcome.stderr);
      assert.match(outcome.stdout, /^integrity {2}held: 26 events in 3 streams/);
      assert.match(outcome.stdout, /\ncoverage {3}complete/);
    }
    assert.equal(cairn(['verify', '-'], `${exported().join('\n')}\n`).status, 0);
  });

  it('exits 1 and names the event when an export was altered, an event dropped, or two swapped', () => {
    const lines = exported();
    const at = lines.findIndex((line) => line.includes(`"id":"${chain.intents[DROP]}"`));
    const altered = verifyFile(lines.with(at, lines[at]!.replace(DROP, 'DROP TABLE nothing')));
    assert.equal(altered.status, 1);
    assert.match(altered.stdout, /DID NOT HOLD/);
    assert.match(altered.stdout, new RegExp(`altered.*${chain.intents[DROP]}.*line ${at + 1}`));
    const dropped = verifyFile(lines.toSpliced(at, 1), '--json');
    const report = JSON.parse(dropped.stdout) as { integrity: { held: boolean; findings: { kind: string; seq: number }[] } };
    assert.deepEqual([dropped.status, report.integrity.held, report.integrity.findings[0]?.kind], [1, false, 'missing']);
    const streamOf = (line: string): string => (JSON.parse(line) as AuditEvent).integrity.stream;
    const next = lines.findIndex((line, index) => index > at && streamOf(line) === streamOf(lines[at]!));
    const swapped = verifyFile(lines.with(at, lines[next]!).with(next, lines[at]!));
    assert.equal(swapped.status, 1);
    assert.match(swapped.stdout, /reordered/);
  });

  it('exits 1 when the ledger itself was altered, and names the event', () => {
    const copy = join(folder, 'altered');
    cpSync(chain.folder, copy, { recursive: true });
    const ledger = openLedger(copy);
    ledger.database.run(`UPDATE lines SET line = replace(line, '${DROP}', 'DROP TABLE nothing')`);
    ledger.close();
    const { status, stdout } = cairn(['verify', copy]);
    assert.equal(status, 1);
    assert.match(stdout, new RegExp(chain.intents[DROP]!));
  });

  it('exits 1 when a witness saw more than there is', () => {
    const witness = join(folder, 'witness.jsonl');
    const { stream } = query('--root', 'u-1')[0]!.integrity;
    writeFileSync(witness, `${JSON.stringify({ stream, size: 500, root: 'ab'.repeat(32), time: '2026-11-22T10:00:00Z' })}\n`);
    const { status, stdout } = cairn(['verify', chain.folder, '--witness', witness]);
    assert.equal(status, 1);
    assert.match(stdout, /truncated/);
  });

  it('exits 2 with a sentence where there is nothing to verify', () => {
    writeFileSync(join(folder, 'no-export'), 'hello\n');
    for (const source of [join(folder, 'none'), folder, join(folder, 'no-export'), 'kafka://127.0.0.1:1/cairn.events.v1']) {
      const { status, stderr } = cairn(['verify', source]);
      assert.equal(status, 2, `${source}: ${stderr}`);
      assert.match(stderr, /^cairn: \S/);
      assert.doesNotMatch(stderr, /\n\s+at /);
    }
  });
});

describe('pastTime', () => {
  it('reads RFC 3339 in any zone, days, and spans back from now', () => {
    assert.equal(pastTime('2026-01-31T12:00:00.123456789Z'), '2026-01-31T12:00:00.123456789Z');
    assert.equal(pastTime('2026-01-31T12:00:00+02:00'), '2026-01-31T10:00:00.000Z');
    assert.equal(pastTime('2026-01-31'), '2026-01-31T00:00:00Z');
    assert.ok(Math.abs(Date.now() - 7_200_000 - Date.parse(pastTime('2h'))) < 5_000);
    for (const text of ['', 'now', '2', '2y', '-1h', '2026-13-01', '2026-01-31T12:00:00'])
      assert.throws(() => pastTime(text), /write it as/);
  });
});
