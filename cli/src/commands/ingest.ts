/** `cairn ingest`: evidence into a ledger, from Kafka or, where there is none between them, from spool folders. */
import type { Command } from 'commander';
import type { Ledger, SpoolAcknowledger as Acknowledger, SpoolIngest as Ingest } from '@cairn/ledger';

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
    .description('take evidence into a ledger: from Kafka, or from spool folders of sidecars')
    .argument('<source...>', 'kafka://host:port (several brokers with commas), or spool folders')
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

async function ingest(sources: readonly string[], options: Options, command: Command): Promise<void> {
  const kafka = sources.filter((source) => source.startsWith('kafka://'));
  if (kafka.length > 0 && sources.length > 1) command.error('error: Kafka is taken alone: give one kafka:// source, or spool folders');
  if (kafka.length > 0 && options.acknowledge) command.error('error: --acknowledge is for spool folders: what Kafka has is acknowledged');
  const { openLedger } = await import('@cairn/ledger');
  const ledger = openLedger(options.ledger, { create: true });
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
  try {
    await (kafka.length > 0 ? takeKafka(ledger, kafka[0]!, options, stop.signal) : takeSpools(ledger, sources, options, stop.signal));
  } finally {
    ledger.close();
  }
}

/** The three topics, from where this ledger left off. */
async function takeKafka(ledger: Ledger, source: string, { follow }: Options, signal: AbortSignal): Promise<void> {
  const [{ ingestKafka }, { kafkaSource }] = await Promise.all([import('@cairn/ledger'), import('../terminal/evidence-source.js')]);
  const connection = { brokers: kafkaSource(source).brokers };
  const onReport = (report: { conflicts: number; rejected: number }): void => tellAside(source, report);
  try {
    await ingestKafka(ledger, { connection, until: follow ? 'follow' : 'end', onReport }, signal);
  } catch (cause) {
    throw new Error(`${source} cannot be read: ${(cause as Error).message}`, { cause });
  }
}

async function takeSpools(ledger: Ledger, spools: readonly string[], options: Options, signal: AbortSignal): Promise<void> {
  const { SpoolAcknowledger, SpoolIngest } = await import('@cairn/ledger');
  const sources = spools.map((spool): Source => {
    const each = new SpoolIngest(ledger, spool);
    return { spool, ingest: each, acknowledger: options.acknowledge ? new SpoolAcknowledger(ledger, spool, each) : undefined };
  });
  do {
    for (const source of sources) await take(source);
    if (options.follow) await pause(signal);
  } while (options.follow && !signal.aborted);
}

function tellAside(source: string, { conflicts, rejected }: { conflicts: number; rejected: number }): void {
  const aside = conflicts + rejected;
  if (aside > 0) process.stderr.write(`cairn: ${aside} records of ${source} were put aside: cairn verify says why\n`);
}

async function take({ spool, ingest: source, acknowledger }: Source): Promise<void> {
  tellAside(spool, source.drain());
  for (const { stream, reason } of (await acknowledger?.acknowledge())?.withheld ?? []) {
    process.stderr.write(`cairn: stream ${stream} of ${spool} is not acknowledged and stays: ${reason}\n`);
  }
}

async function pause(signal: AbortSignal): Promise<void> {
  const { setTimeout: delay } = await import('node:timers/promises');
  await delay(ACKNOWLEDGE_MS, undefined, { signal }).catch(() => undefined);
}
