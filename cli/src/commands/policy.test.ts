import assert from 'node:assert/strict';
import { execFile, type ExecFileException } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../main.js', import.meta.url));

const POLICY = `apiVersion: cairn.dev/v1alpha1
kind: AuditPolicy
metadata: {name: research}
spec:
  targets:
  - {name: orders, protocol: postgres, hosts: [orders.data.svc], port: 5432, functions: {read: [order_total]}}
  - {name: crm, protocol: http, hosts: [crm.internal], port: 443}
  rules:
  - {name: no-schema-changes, match: {targets: [orders], verbs: [DROP]}, action: Deny, reason: schema changes go through migrations}
  - {name: writes, match: {targets: [orders], effects: [write]}, action: RequireApproval, approval: {groups: [db-owners]}}
  - {name: reads, match: {effects: [read]}, action: Allow}
`;

const ALICE = '{root: {name: alice@example.com}}';

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cairn-policy-'));
});
after(() => rm(folder, { recursive: true, force: true }));

async function file(name: string, text: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, text);
  return path;
}

interface Ended {
  code: number;
  stdout: string;
  stderr: string;
}

function cairn(...words: string[]): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = execFile(process.execPath, [MAIN, 'policy', ...words], (error: ExecFileException | null, stdout, stderr) => {
      if (error && typeof error.code !== 'number') reject(error);
      else resolve({ code: Number(error?.code ?? 0), stdout, stderr });
    });
    child.stdin?.end(POLICY);
  });
}

test('a policy without mistakes passes, from a file and from stdin', async () => {
  const path = await file('good.yaml', POLICY);
  const { code, stdout, stderr } = await cairn('check', path);
  assert.deepEqual([code, stdout], [0, '']);
  assert.match(stderr, /1 object without a problem/);
  assert.equal((await cairn('check', '-')).code, 0);
});

test('a mistake is told as file, line, column and sentence, and fails', async () => {
  const path = await file('bad.yaml', POLICY.replace('effects: [write]', 'efects: [write]'));
  const { code, stdout } = await cairn('check', path);
  assert.equal(code, 1);
  assert.equal(stdout, `${path}:10:47: spec.rules[1].match.efects: match has no field efects. Did you mean effects?\n`);
});

test('--json gives the same to programs', async () => {
  const path = await file('json.yaml', POLICY.replace('port: 5432', 'port: 0'));
  const { code, stdout } = await cairn('check', '--json', path);
  const { problems, objects } = JSON.parse(stdout) as { problems: { line: number; code: string }[]; objects: unknown[] };
  assert.deepEqual([code, problems.length, problems[0]?.line, problems[0]?.code, objects.length], [1, 1, 6, 'limit', 0]);
});

test('files without any policy fail rather than pass unseen', async () => {
  const path = await file('other.yaml', 'apiVersion: apps/v1\nkind: Deployment\n');
  const { code, stdout } = await cairn('check', path);
  assert.equal(code, 1);
  assert.match(stdout, /holds no AuditPolicy/);
});

test('a file that is not there is a usage error', async () => {
  const { code, stderr } = await cairn('check', join(folder, 'none.yaml'));
  assert.equal(code, 2);
  assert.match(stderr, /none\.yaml/);
});

test('cases that hold pass', async () => {
  const cases = await file(
    'cases.yaml',
    `cases:
- {name: drop, target: orders, operation: {verb: drop, effect: admin}, actor: ${ALICE}, expect: {action: Deny, rule: no-schema-changes}}
- {name: nobody, target: crm, operation: {verb: GET, effect: read}, expect: {action: Deny, rule: ""}}
`,
  );
  const { code, stdout, stderr } = await cairn('test', '-', '--cases', cases);
  assert.deepEqual([code, stdout], [0, 'ok   drop\nok   nobody\n']);
  assert.match(stderr, /2 of 2 cases held/);
});

test('a case that fails says field by field what was expected, what came, and the reason given', async () => {
  const cases = await file(
    'fails.yaml',
    `cases: [{name: drops pass, target: orders, operation: {verb: DROP}, actor: ${ALICE}, expect: {action: Allow, rule: reads}}]`,
  );
  const { code, stdout } = await cairn('test', '-', '--cases', cases);
  assert.equal(code, 1);
  assert.equal(
    stdout,
    `FAIL drops pass
       action: expected Allow, got Deny
       rule: expected reads, got no-schema-changes
       asked about: DROP (write)
       reason given: schema changes go through migrations
`,
  );
  const json = JSON.parse((await cairn('test', '-', '--cases', cases, '--json')).stdout) as { failed: number };
  assert.equal(json.failed, 1);
});

test('SQL is read statement by statement, by the functions that the target declares', async () => {
  const cases = await file(
    'sql.yaml',
    `cases:
- {name: drop, target: orders, sql: DROP TABLE orders, actor: ${ALICE}, expect: {action: Deny, rule: no-schema-changes}}
- {name: cte, target: orders, sql: "WITH x AS (DELETE FROM a RETURNING *) SELECT * FROM x", actor: ${ALICE}, expect: {rule: writes}}
- {name: declared, target: orders, sql: SELECT order_total(1), actor: ${ALICE}, expect: {action: Allow, rule: reads}}
- {name: unknown function, target: orders, sql: SELECT order_drop(1), actor: ${ALICE}, expect: {action: RequireApproval}}
- {name: no SQL, target: orders, sql: SELEC 1, actor: ${ALICE}, expect: {action: Allow}}
`,
  );
  const { code, stdout } = await cairn('test', '-', '--cases', cases);
  assert.equal(code, 1);
  assert.equal(
    stdout,
    `ok   drop
ok   cte
ok   declared
ok   unknown function
FAIL no SQL
       action: expected Allow, got Deny
       the SQL could not be parsed: syntax error at or near "SELEC"
`,
  );
});

test('a case about what the policy does not declare fails with a sentence', async () => {
  const cases = await file(
    'undeclared.yaml',
    `cases:
- {name: target, target: order, operation: {verb: X}, expect: {action: Deny}}
- {name: sql, target: crm, sql: SELECT 1, expect: {action: Deny}}
- {name: policy, policy: other, target: crm, operation: {verb: X}, expect: {action: Deny}}
`,
  );
  const { code, stdout } = await cairn('test', '-', '--cases', cases);
  assert.equal(code, 1);
  assert.match(stdout, /declares no target order\n/);
  assert.match(stdout, /target crm speaks http; write operation instead of sql/);
  assert.match(stdout, /has no policy other; it has research/);
});

test('mistakes in the cases are a usage error with their place', async () => {
  const cases = await file('mistake.yaml', 'cases:\n- {name: a, target: crm, operaton: {verb: X}, expect: {}}\n');
  const { code, stderr } = await cairn('test', '-', '--cases', cases);
  assert.equal(code, 2);
  assert.match(stderr, /mistake\.yaml:2:26: cases\[0\]\.operaton: .*Did you mean operation\?/);
});
