/** `cairn`: every command is a file in commands/ that registers itself; heavy parts load when a command runs. */
import { Command } from 'commander';

const COMMANDS: readonly (() => Promise<{ register(program: Command): void }>)[] = [
  () => import('./commands/demo.js'),
  () => import('./commands/inject.js'),
  () => import('./commands/policy.js'),
  () => import('./commands/topics.js'),
  () => import('./commands/ingest.js'),
  () => import('./commands/query.js'),
  () => import('./commands/tree.js'),
  () => import('./commands/replay.js'),
  () => import('./commands/export.js'),
  () => import('./commands/tail.js'),
  () => import('./commands/verify.js'),
  () => import('./commands/unseal.js'),
  () => import('./commands/launch.js'),
  () => import('./commands/approvals.js'),
  () => import('./commands/revoke.js'),
];

const program = new Command('cairn').description('An audit trail for nested AI agents').version('0.1.0').exitOverride();
for (const load of COMMANDS) (await load()).register(program);

try {
  await program.parseAsync();
} catch (error) {
  const code = (error as { code?: string }).code ?? '';
  if (!code.startsWith('commander.')) process.stderr.write(`cairn: ${(error as Error).message}\n`);
  const ended = code === 'commander.helpDisplayed' || code === 'commander.version' || code === 'commander.help';
  process.exitCode = ended ? 0 : 2;
}
