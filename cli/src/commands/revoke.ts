/** `cairn revoke LAUNCH`: ends a launch and everything below it. */
import type { Command } from 'commander';
import type { Revocation } from '@cairn/identity';
import { askOperator, refusing, withOperator, type OperatorOptions } from '../control/operator-api.js';

export function register(program: Command): void {
  withOperator(program.command('revoke').description('end a launch and everything below it').argument('<launch>', 'launch id'))
    .option('--reason <text>', 'why, for the list')
    .option('--json', 'print the entry of the revocation list as JSON')
    .action((launch: string, options: OperatorOptions & { reason?: string; json?: boolean }) =>
      refusing(async () => {
        const body = { launch, ...(options.reason ? { reason: options.reason } : {}) };
        const entry = await askOperator<Revocation>(options, '/v1/revocations', body);
        process.stdout.write(
          options.json ? `${JSON.stringify(entry)}\n` : `${launch} and everything below it is revoked by ${entry.by} since ${entry.time}\n`,
        );
      }),
    );
}
