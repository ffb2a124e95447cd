/** `cairn tail`: events as they arrive. */
import type { Command } from 'commander';
import { onLedger, withFilters, type FilterOptions } from './evidence.js';

interface Options extends FilterOptions {
  json?: boolean;
}

export function register(program: Command): void {
  withFilters(program.command('tail').description('events as they arrive in a ledger, until it is interrupted'))
    .option('--json', 'JSON Lines: the events exactly as they are stored')
    .action(tail);
}

async function tail(options: Options): Promise<void> {
  const [{ untilReaderLeaves, write }, { eventLine }, { styleFor }] = await Promise.all([
    import('../terminal/output.js'),
    import('../terminal/exchange.js'),
    import('../terminal/style.js'),
  ]);
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
  const style = styleFor(process.stdout);
  await untilReaderLeaves(() =>
    onLedger(options.ledger, async (ledger) => {
      for await (const { line, event } of ledger.tail(options, stop.signal))
        await write(`${options.json ? line : eventLine(event, style)}\n`);
    }),
  );
}
