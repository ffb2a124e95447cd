/** `cairn policy check` and `cairn policy test`: what is wrong with a policy, and whether it says what its owner expects. */
import type { AuditPolicy, CompiledPolicy, Difference, Operation, PolicyCase, Problem, Verdict } from '@cairn/crds';
import type { Command } from 'commander';

export function register(program: Command): void {
  const policy = program.command('policy').description('check AuditPolicies and try them');
  policy
    .command('check')
    .description('say what is wrong with the AuditPolicies and IdentityProviders of files; exits 1 where something is')
    .argument('<files...>', 'YAML or JSON; - reads stdin')
    .option('--json', 'one JSON object')
    .action(check);
  policy
    .command('test')
    .description('ask the AuditPolicies of a file about cases; exits 1 where a case fails')
    .argument('<file>', 'YAML or JSON; - reads stdin')
    .requiredOption('--cases <file>', 'cases: name, target, operation | operations | sql, actor, expect')
    .option('--json', 'one JSON object')
    .action(tryCases);
}

async function textOf(file: string): Promise<string> {
  if (file === '-') return (await import('node:stream/consumers')).text(process.stdin);
  return (await import('node:fs/promises')).readFile(file, 'utf8');
}

function nameOf(file: string): string {
  return file === '-' ? 'stdin' : file;
}

async function say(lines: readonly string[]): Promise<void> {
  const { untilReaderLeaves, writeLines } = await import('../terminal/output.js');
  await untilReaderLeaves(() => writeLines(lines));
}

async function problemLines(problems: readonly Problem[]): Promise<string[]> {
  const { printable } = await import('../terminal/style.js');
  return problems.map(
    ({ file, line, column, path, message }) => `${file}:${line}:${column}: ${path ? `${printable(path)}: ` : ''}${printable(message)}`,
  );
}

async function check(files: string[], { json }: { json?: boolean }): Promise<void> {
  const { parsePolicies } = await import('@cairn/crds');
  const results = await Promise.all(
    files.map(async (file) => ({ file: nameOf(file), ...parsePolicies(await textOf(file), nameOf(file)) })),
  );
  const problems = results.flatMap((result) => result.problems);
  const found = results.flatMap(({ policies, providers }) => [...policies, ...providers]);
  if (found.length + problems.length === 0) {
    const message = 'the file holds no AuditPolicy and no IdentityProvider.';
    for (const { file } of results) problems.push({ code: 'missing-field', file, line: 1, column: 1, path: '', message });
  }
  process.exitCode = problems.length > 0 ? 1 : 0;
  if (json) return say([JSON.stringify({ objects: found.map(({ kind, metadata }) => ({ kind, ...identified(metadata) })), problems })]);
  await say(await problemLines(problems));
  const { count } = await import('../terminal/style.js');
  process.stderr.write(`${count(found.length, 'object')} without a problem, ${count(problems.length, 'problem')}\n`);
}

function identified({ name, namespace }: AuditPolicy['metadata']): { name: string; namespace?: string } {
  return { name, ...(namespace === undefined ? {} : { namespace }) };
}

interface Outcome {
  name: string;
  held: boolean;
  differences: Difference[];
  /** Why the policy could not be asked, or what its target could not read. */
  problem?: string;
  /** What the policy was asked about. */
  operations?: readonly Operation[];
  verdict?: Verdict;
}

async function tryCases(file: string, options: { cases: string; json?: boolean }): Promise<void> {
  const { parsePolicies, parsePolicyCases } = await import('@cairn/crds');
  const { policies, problems } = parsePolicies(await textOf(file), nameOf(file));
  const read = parsePolicyCases(await textOf(options.cases), nameOf(options.cases));
  const wrong = [...problems, ...read.problems];
  if (wrong.length > 0 || policies.length === 0) {
    process.stderr.write(`${[...(await problemLines(wrong)), 'cairn: nothing to test: mend the files first'].join('\n')}\n`);
    process.exitCode = 2;
    return;
  }
  const outcomes = await judgeAll(policies, read.cases);
  const failed = outcomes.filter(({ held }) => !held).length;
  process.exitCode = failed > 0 ? 1 : 0;
  if (options.json) return say([JSON.stringify({ cases: outcomes, held: outcomes.length - failed, failed })]);
  await say(await outcomeLines(outcomes));
  process.stderr.write(`${outcomes.length - failed} of ${outcomes.length} cases held\n`);
}

async function judgeAll(policies: readonly AuditPolicy[], cases: readonly PolicyCase[]): Promise<Outcome[]> {
  const { compilePolicy } = await import('@cairn/crds');
  const compiled = policies.map((policy) => compilePolicy(policy));
  const outcomes: Outcome[] = [];
  for (const each of cases) outcomes.push(await judge(compiled, each));
  return outcomes;
}

async function judge(policies: readonly CompiledPolicy[], wanted: PolicyCase): Promise<Outcome> {
  const { differences, judgeCase } = await import('@cairn/crds');
  const { name } = wanted;
  const chosen = choose(policies, wanted);
  if (typeof chosen === 'string') return { name, held: false, differences: [], problem: chosen };
  const asked = await operationsOf(chosen, wanted);
  const operations = 'operations' in asked ? asked.operations : undefined;
  const verdict = judgeCase(chosen, wanted, operations);
  const found = differences(wanted.expect, verdict);
  const read = 'error' in asked ? { problem: `the SQL could not be parsed: ${asked.error}` } : { operations };
  return { name, held: found.length === 0, differences: found, ...read, verdict };
}

/** The policy of a case, or a sentence. */
function choose(policies: readonly CompiledPolicy[], { policy, target, sql }: PolicyCase): CompiledPolicy | string {
  const names = policies.map(({ name }) => name).join(', ');
  const [only, ...more] = policy === undefined ? policies : policies.filter(({ name }) => name === policy);
  if (!only) return `the file has no policy ${policy}; it has ${names}`;
  if (more.length > 0) return `the file has several policies (${names}); name one with policy`;
  const declared = only.spec.targets.find(({ name }) => name === target);
  if (!declared) return `policy ${only.name} declares no target ${target}`;
  if (sql !== undefined && declared.protocol !== 'postgres')
    return `target ${target} speaks ${declared.protocol}; write operation instead of sql`;
  return only;
}

/** Operations of a case, or why its SQL could not be parsed. */
async function operationsOf(
  policy: CompiledPolicy,
  { target, sql, operations = [] }: PolicyCase,
): Promise<{ operations: readonly Operation[] } | { error: string }> {
  if (sql === undefined) return { operations };
  const { classifySql } = await import('@cairn/sidecar');
  const readFunctions = policy.spec.targets.find(({ name }) => name === target)?.functions.read ?? [];
  return classifySql(sql, { readFunctions });
}

function shown(value: unknown): string {
  if (value === '') return '(none)';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

async function outcomeLines(outcomes: readonly Outcome[]): Promise<string[]> {
  const { printable, styleFor } = await import('../terminal/style.js');
  const style = styleFor(process.stdout);
  return outcomes.flatMap(({ name, held, differences: found, problem, operations, verdict }) => {
    if (held) return [`${style.green('ok  ')} ${printable(name)}`];
    const lines = found.map(
      ({ field, expected, actual }) => `       ${field}: expected ${printable(shown(expected))}, got ${printable(shown(actual))}`,
    );
    const asked = operations?.map(({ verb, resource, effect }) => `${verb}${resource === '' ? '' : ` ${resource}`} (${effect})`).join(', ');
    if (asked !== undefined) lines.push(`       asked about: ${printable(asked || 'nothing')}`);
    if (problem !== undefined) lines.push(`       ${printable(problem)}`);
    else if (verdict?.reason !== undefined) lines.push(`       reason given: ${printable(verdict.reason)}`);
    return [`${style.red('FAIL')} ${printable(name)}`, ...lines];
  });
}
