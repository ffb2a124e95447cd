/** `cairn replay`: a whole chain, launch or session, step by step in causal order. */
import { InvalidArgumentError, type Command } from 'commander';
import type { PayloadReader } from '@cairn/ledger';
import { payloadReader } from './auditor-key.js';
import { onLedger, withLedger, type LedgerOption } from './evidence.js';

interface Options extends LedgerOption {
  step?: boolean;
  speed?: number;
  key?: string;
  unmask?: boolean;
  json?: boolean;
}

export function register(program: Command): void {
  const command = program.command('replay').description('what happened, in causal order: statements, parameters, rows, decisions');
  withLedger(command.argument('[id]', 'launch, chain or session; the newest chain where it is left out'))
    .option('--step', 'wait for Enter after every step')
    .option('--speed <n>', 'in real time, n times as fast', speed)
    .option('--key <file>', "the auditor's private key: shows bodies and rows too")
    .option('--unmask', 'show what was masked on the wire')
    .option('--json', 'JSON Lines: the events exactly as they are stored')
    .action(replay);
}

async function replay(id: string | undefined, options: Options): Promise<void> {
  const [{ untilReaderLeaves, write, writeLines }, { stepText }, { Pace }] = await Promise.all([
    import('../terminal/output.js'),
    import('../terminal/step.js'),
    import('../terminal/pace.js'),
  ]);
  await untilReaderLeaves(() =>
    onLedger(options.ledger, async (ledger) => {
      const events = ledger.replay(id);
      if (options.json) return writeLines(events.map(({ line }) => line));
      const reader: PayloadReader | undefined = options.key === undefined ? undefined : await payloadReader(ledger, options.key);
      const pace = new Pace(options);
      for (const [index, { event }] of events.entries()) {
        if (!(await pace.next(event.time))) break;
        await write(`${await stepText(event, { number: index + 1, of: events.length, reader, unmask: options.unmask === true })}\n`);
      }
      pace.close();
      return undefined;
    }),
  );
}

function speed(text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  throw new InvalidArgumentError('a number above 0: 1 is real time, 10 ten times as fast');
}
