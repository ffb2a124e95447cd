/** `cairn export`: the whole ledger as one file that `cairn verify` takes. */
import { Option, type Command } from 'commander';
import { onLedger, withLedger, type LedgerOption } from './evidence.js';

interface Options extends LedgerOption {
  format: 'jsonl';
}

export function register(program: Command): void {
  withLedger(program.command('export').description('every event of a ledger to standard output, in order of time'))
    .addOption(new Option('--format <format>').choices(['jsonl']).default('jsonl'))
    .action(exportLedger);
}

async function exportLedger(options: Options): Promise<void> {
  const [{ untilReaderLeaves, writeLines }, { Progress }, { exportLines }] = await Promise.all([
    import('../terminal/output.js'),
    import('../terminal/progress.js'),
    import('@cairn/ledger'),
  ]);
  const progress = new Progress('events exported');
  await untilReaderLeaves(() =>
    onLedger(options.ledger, (ledger) =>
      writeLines(
        (function* () {
          let count = 0;
          for (const line of exportLines(ledger)) {
            progress.at(++count);
            yield line;
          }
        })(),
      ),
    ),
  );
  progress.done();
}
