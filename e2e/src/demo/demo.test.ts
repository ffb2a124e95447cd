/** Given a machine with nothing but Node and this project, run the demo, and see who did what, and that it can be proved. */
import assert from 'node:assert/strict';
import { existsSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { AuditEvent } from '@cairn/audit';
import { cairn, isRoot, processesOf, startCairn, startCairnUnprivileged, temporaryFolder, type Finished, type Running } from './run.js';

const FOLDER = '.cairn/demo';

const kinds = [
  { capture: 'explicit', unprivileged: true, as: 'an ordinary user' },
  ...(isRoot ? [{ capture: 'transparent', unprivileged: false, as: 'root' }] : []),
];

for (const { capture, unprivileged, as } of kinds) {
  describe(`the demo, run as ${as}`, () => {
    const folder = temporaryFolder(unprivileged);
    const { path } = folder;
    let run: Finished;
    let events: AuditEvent[];
    before(async () => {
      const start = unprivileged ? startCairnUnprivileged : startCairn;
      run = await start(['demo', '--folder', FOLDER], path).finished;
      assert.equal(run.code, 0, run.output);
      const query = await cairn(['query', '--ledger', FOLDER, '--root', 'alice@example.com', '--json'], path);
      assert.equal(query.code, 0, query.output);
      events = query.output
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as AuditEvent);
    });
    after(folder.remove);

    const orders = (stage: AuditEvent['stage'], verb: string): AuditEvent[] =>
      events.filter((event) => event.protocol === 'postgres' && event.stage === stage && event.operation?.verb === verb);

    test(`captures ${capture}ly and says so`, () => assert.match(run.output, new RegExp(`${capture} capture: `)));

    test('names Alice on the deepest statement, with her groups, the chain and how that is known', () => {
      const [select] = orders('intent', 'SELECT');
      assert.equal(select?.root?.name, 'alice@example.com');
      assert.deepEqual(select?.root?.groups, ['analysts']);
      assert.deepEqual(select?.launch?.path, ['research/planner', 'research/researcher', 'research/sql-writer']);
      assert.equal(select?.launch?.depth, 3);
      assert.ok(events.every((event) => event.attribution?.method !== undefined || event.root === undefined));
    });

    test('records the rows that came back, and what was masked in them', () => {
      const read = events.find((event) => event.protocol === 'postgres' && event.stage === 'complete' && (event.masked?.length ?? 0) > 0);
      assert.equal(read?.response?.rows, 2);
      assert.ok(read?.masked?.some((mask) => mask.path.includes('email')));
      assert.doesNotMatch(run.output, /ada@customers\.example/);
    });

    test('masks members of an internal service, whose token no agent has', () => {
      const crm = events.find((event) => event.target?.name === 'crm' && event.stage === 'complete');
      assert.equal(crm?.response?.status, '200');
      assert.ok(crm?.masked?.some((mask) => mask.path.includes('phone')));
    });

    test('holds the write until Bob has approved it', () => {
      const decided = events.find((event) => event.stage === 'decision' && event.decision?.approval);
      assert.equal(decided?.decision?.approval?.state, 'approved');
      assert.ok(decided?.decision?.approval?.approvers.some((approver) => approver.includes('bob')));
    });

    test('denies the DROP in the words of PostgreSQL', () => {
      const [drop] = orders('intent', 'DROP');
      assert.equal(drop?.decision?.action, 'Deny');
      assert.equal(drop?.decision?.rule, 'no-schema-changes');
      assert.match(run.output, /schema changes go through migrations/);
    });

    test('refuses somebody without a token', () => assert.match(run.output, /somebody without a token asks the planner: 401/));

    test('verifies, and names the event that was altered in a copy', async () => {
      const whole = await cairn(['verify', FOLDER], path);
      assert.equal(whole.code, 0, whole.output);
      const [update] = orders('intent', 'UPDATE');
      const altered = run.output.slice(run.output.indexOf('access to a copy of the database'));
      assert.ok(update && altered.indexOf(update.id) !== altered.lastIndexOf(update.id), 'told before, and found by verify');
    });

    test('every stream is witnessed up to its last event: a tail that is cut would show', async () => {
      const { output } = await cairn(['verify', FOLDER], path);
      const streams = [...output.matchAll(/signed up to (\d+), witnessed up to (\d+)/g)];
      assert.equal(streams.length, 3, output);
      for (const [line, signed, witnessed] of streams) assert.equal(signed, witnessed, line);
    });

    test('an exported trail verifies, and no longer does after one character has changed', async () => {
      const exported = await cairn(['export', '--ledger', FOLDER, '--format', 'jsonl'], path);
      assert.equal(exported.code, 0, exported.output);
      const file = join(path, 'trail.jsonl');
      writeFileSync(file, exported.output);
      const whole = await cairn(['verify', file], path);
      assert.equal(whole.code, 0, whole.output);
      writeFileSync(file, exported.output.replace('orders_archive', 'orders_archivf'));
      assert.equal((await cairn(['verify', file], path)).code, 1);
    });

    test('every command that it recommends works as printed', async () => {
      const printed = [...run.output.matchAll(/^ {2}npx cairn (.+?) +#/gm)].map(([, command]) => command!);
      assert.ok(printed.length >= 6, run.output);
      const reading = printed
        .filter((command) => !/^(tail|inject)\b/.test(command))
        .map((command) => command.replace(/ > .*/, '').replace(' --step', ''));
      for (const command of reading) {
        const { code, output } = await cairn(command.split(' '), path);
        assert.equal(code, 0, `${command}\n${output}`);
      }
    });

    test('leaves the evidence and nothing else: no volumes, no Secrets, no lock', () => {
      for (const name of ['ledger.db', 'trust.json', 'witness.jsonl', 'spools']) assert.ok(existsSync(join(path, FOLDER, name)), name);
      assert.equal(statSync(join(path, FOLDER, 'auditor.key')).mode & 0o777, 0o600);
      assert.ok(!existsSync(join(path, FOLDER, 'run')));
      assert.ok(!existsSync(join(path, `${FOLDER}.lock`)));
    });
  });
}

describe('a demo that is interrupted', () => {
  const folder = temporaryFolder(false);
  after(folder.remove);
  let run: Running;

  test('stops what it started, and a second one runs at once', async () => {
    run = startCairn(['demo', '--capture', 'explicit', '--folder', FOLDER], folder.path);
    const [, operator] = await run.printed(/operator: .* at (http:\S+)/);
    await run.printed(/agent and sidecar are ready/);
    assert.ok(processesOf(folder.path).length > 1, 'its pods are processes');
    const second = await cairn(['demo', '--folder', FOLDER], folder.path);
    assert.equal(second.code, 1);
    assert.match(second.output, /another demo \(process \d+\) runs in this folder/);
    run.child.kill('SIGINT');
    const { code } = await run.finished;
    assert.equal(code, 130, run.output());
    assert.deepEqual(processesOf(folder.path), []);
    await assert.rejects(fetch(operator!));
    assert.ok(!existsSync(join(folder.path, FOLDER, 'run')));
    assert.equal(existsSync(join(folder.path, `${FOLDER}.lock`)), false);
  });
});
