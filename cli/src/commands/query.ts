/** `cairn query`: events by who, what, where, when and words. */
import { Option, type Command } from 'commander';
import { onLedger, positive, withFilters, type FilterOptions } from './evidence.js';

interface Options extends FilterOptions {
  limit?: number;
  order: 'newest' | 'oldest';
  json?: boolean;
}

/** Events of a table where no limit is given; --json gives all. */
const TABLE_LIMIT = 50;

export function register(program: Command): void {
  withFilters(program.command('query').description('events of a ledger'))
    .option('--limit <n>', `events; ${TABLE_LIMIT} where it is left out, all with --json`, positive)
    .addOption(new Option('--order <order>', 'by time').choices(['newest', 'oldest']).default('newest'))
    .option('--json', 'JSON Lines: the events exactly as they are stored')
    .action(query);
}

async function query(options: Options): Promise<void> {
  const { untilReaderLeaves } = await import('../terminal/output.js');
  await untilReaderLeaves(() => onLedger(options.ledger, (ledger) => (options.json ? lines(ledger, options) : table(ledger, options))));
}

type OpenLedger = Parameters<Parameters<typeof onLedger>[1]>[0];

async function lines(ledger: OpenLedger, options: Options): Promise<void> {
  const { writeLines } = await import('../terminal/output.js');
  const { Progress } = await import('../terminal/progress.js');
  const progress = new Progress('events');
  await writeLines(
    (function* () {
      let count = 0;
      for (const { line } of ledger.query(options)) {
        progress.at(++count);
        yield line;
      }
    })(),
  );
  progress.done();
}

async function table(ledger: OpenLedger, options: Options): Promise<void> {
  const [{ write }, { styleFor }, { eventTable }] = await Promise.all([
    import('../terminal/output.js'),
    import('../terminal/style.js'),
    import('../terminal/table.js'),
  ]);
  const limit = options.limit ?? TABLE_LIMIT;
  const events = [...ledger.query({ ...options, limit })].map(({ event }) => event);
  if (events.length === 0) process.stderr.write('no events match\n');
  else await write(`${eventTable(events, styleFor(process.stdout), process.stdout.columns)}\n`);
  if (events.length === limit && options.limit === undefined) process.stderr.write(`the newest ${limit}; more with --limit\n`);
}
