/** `cairn tree`: the trail of a chain, from the person to the last row. */
import type { Command } from 'commander';
import { onLedger, withLedger, type LedgerOption } from './evidence.js';

interface Options extends LedgerOption {
  json?: boolean;
}

export function register(program: Command): void {
  const command = program.command('tree').description('the trail of a chain: who launched whom, and what each did');
  withLedger(command.argument('[id]', 'launch or chain; the newest chain where it is left out'))
    .option('--json', 'the tree as one JSON object')
    .action(tree);
}

async function tree(id: string | undefined, options: Options): Promise<void> {
  const [{ untilReaderLeaves, write }, { renderTrail }] = await Promise.all([
    import('../terminal/output.js'),
    import('../terminal/trail.js'),
  ]);
  await untilReaderLeaves(() =>
    onLedger(options.ledger, (ledger) => write(`${options.json ? JSON.stringify(ledger.tree(id)) : renderTrail(ledger, { id })}\n`)),
  );
}
