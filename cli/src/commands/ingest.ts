/** `cairn ingest`: spool folders into a ledger, where there is no Kafka between them. */
import type { Command } from 'commander';
import type { SpoolAcknowledger as Acknowledger, SpoolIngest as Ingest } from '@cairn/ledger';

interface Options {
  ledger: string;
  follow?: boolean;
  acknowledge?: boolean;
}

/** Milliseconds between two acknowledgements: each reads back what came since the last. */
const ACKNOWLEDGE_MS = 2_000;

export function register(program: Command): void {
  program
    .command('ingest')
    .description('take spool folders of sidecars into a ledger, without Kafka')
    .argument('<spool...>', 'spool folders')
    .requiredOption('--ledger <dir>', 'ledger folder; made where it is not there')
    .option('--follow', 'go on until it is interrupted')
    .option('--acknowledge', 'let the sidecars delete what this ledger holds and has verified; only one ledger of a spool may')
    .action(ingest);
}

interface Source {
  spool: string;
  ingest: Ingest;
  acknowledger: Acknowledger | undefined;
}

async function ingest(spools: readonly string[], options: Options): Promise<void> {
  const { openLedger, SpoolAcknowledger, SpoolIngest } = await import('@cairn/ledger');
  const ledger = openLedger(options.ledger, { create: true });
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
  try {
    const sources = spools.map((spool): Source => {
      const each = new SpoolIngest(ledger, spool);
      return { spool, ingest: each, acknowledger: options.acknowledge ? new SpoolAcknowledger(ledger, spool, each) : undefined };
    });
    do {
      for (const source of sources) await take(source);
      if (options.follow) await pause(stop.signal);
    } while (options.follow && !stop.signal.aborted);
  } finally {
    ledger.close();
  }
}

async function take({ spool, ingest: source, acknowledger }: Source): Promise<void> {
  const report = source.drain();
  const aside = report.conflicts + report.rejected;
  if (aside > 0) process.stderr.write(`cairn: ${aside} records of ${spool} were put aside: cairn verify says why\n`);
  for (const { stream, reason } of (await acknowledger?.acknowledge())?.withheld ?? []) {
    process.stderr.write(`cairn: stream ${stream} of ${spool} is not acknowledged and stays: ${reason}\n`);
  }
}

async function pause(signal: AbortSignal): Promise<void> {
  const { setTimeout: delay } = await import('node:timers/promises');
  await delay(ACKNOWLEDGE_MS, undefined, { signal }).catch(() => undefined);
}
