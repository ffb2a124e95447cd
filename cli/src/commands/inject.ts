/** `cairn inject`: the sidecar in a manifest, as the webhook would put it there; the result on stdout, what happened on stderr. */
import type { Command } from 'commander';

interface InjectOptions {
  filename: string;
  policies: string[];
  namespace: string;
  enrolled?: boolean;
}

export function register(program: Command): void {
  program
    .command('inject')
    .description('give the workloads of a YAML file their sidecars; comments and order stay')
    .requiredOption('-f, --filename <file>', 'manifest; - reads stdin')
    .option('--policies <files...>', 'files that hold the AuditPolicies; those of the manifest itself count too', [])
    .option('-n, --namespace <name>', 'namespace of objects that name none', 'default')
    .option('--enrolled', 'the namespace is enrolled (cairn.dev/enroll=true): inject without being asked')
    .action(run);
}

async function run(options: InjectOptions): Promise<void> {
  const { readFile } = await import('node:fs/promises');
  const { text: all } = await import('node:stream/consumers');
  const { injectYaml, skipSentence, DEFAULT_SETTINGS } = await import('@cairn/operator');
  const file = options.filename === '-' ? 'stdin' : options.filename;
  const text = options.filename === '-' ? await all(process.stdin) : await readFile(options.filename, 'utf8');
  const policies = await policiesOf([
    { file, text },
    ...(await Promise.all(options.policies.map(async (each) => ({ file: each, text: await readFile(each, 'utf8') })))),
  ]);
  const context = { policies, settings: DEFAULT_SETTINGS, enrolled: options.enrolled ?? false, namespace: options.namespace };
  const { yaml, outcomes } = injectYaml(text, context, file);
  let refused = false;
  for (const { kind, name, line, skipped, problems } of outcomes) {
    const say = (what: string): void => void process.stderr.write(`${file}:${line}: ${kind} ${name}: ${what}\n`);
    if (skipped !== undefined && skipped !== 'unsupported-kind') say(`skipped (${skipped}): ${skipSentence(skipped)}`);
    for (const problem of problems) say(`${problem.severity} (${problem.code}) at ${problem.path}: ${problem.message}`);
    refused ||= problems.some((problem) => problem.severity === 'error');
  }
  if (refused) process.exitCode = 1;
  else process.stdout.write(yaml);
}

async function policiesOf(files: readonly { file: string; text: string }[]): Promise<import('@cairn/crds').AuditPolicy[]> {
  const { parsePolicies } = await import('@cairn/crds');
  return files.flatMap(({ file, text }) => {
    const { policies, problems } = parsePolicies(text, file);
    const [problem] = problems;
    if (problem) throw new Error(`${problem.file}:${problem.line}:${problem.column}: ${problem.message}`);
    return policies;
  });
}
