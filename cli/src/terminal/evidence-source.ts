/** Where evidence to verify may lie, and how each is read. */
import { createReadStream, existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { listStreams, verifyExport, type ExportReport, type Report } from '@cairn/audit';
import { ingestKafka, LEDGER_FILES, openLedger, SpoolIngest, verifyLedger, type Ledger, type VerifyOptions } from '@cairn/ledger';

/** Throws where the source cannot be reached or is no evidence. */
export async function verifySource(source: string, options: VerifyOptions): Promise<Report | ExportReport> {
  if (source.startsWith('kafka://')) return verifyKafka(source, options);
  if (source === '-') return verifyExport(counted(byLine(process.stdin), options), options);
  if (!existsSync(source)) throw new Error(`there is no ${source}: give a ledger folder, an exported file or kafka://host:port/topic`);
  if (!statSync(source).isDirectory()) return verifyExport(counted(byLine(createReadStream(source)), options), options);
  if (existsSync(join(source, LEDGER_FILES.database)) || listStreams(source).length === 0) return verifyFolder(source, options);
  return inPassing(async (ledger) => {
    new SpoolIngest(ledger, source).drain();
  }, options);
}

async function verifyFolder(folder: string, options: VerifyOptions): Promise<Report> {
  const ledger = openLedger(folder);
  try {
    return await verifyLedger(ledger, options);
  } finally {
    ledger.close();
  }
}

/** `kafka://host:port,host:port/topic`: no URL of the WHATWG's, which has one host. Throws where it is none. */
export function kafkaSource(source: string): { brokers: string[]; topic: string } {
  const [, hosts, topic = ''] = /^kafka:\/\/([^/]+)(?:\/([^/]*))?$/.exec(source) ?? [];
  const brokers = hosts?.split(',') ?? [];
  if (brokers.length > 0 && brokers.every((broker) => /^.+:\d{1,5}$/.test(broker))) return { brokers, topic };
  throw new Error(`${source} names no brokers: write kafka://host:port, several as kafka://host:port,host:port`);
}

/** The three topics up to their present ends; another name in the source is that of the events' topic. */
function verifyKafka(source: string, options: VerifyOptions): Promise<Report> {
  const { brokers, topic } = kafkaSource(source);
  return inPassing(async (ledger) => {
    const { TOPICS } = await import('@cairn/audit');
    const topics = topic === '' ? TOPICS : { ...TOPICS, events: topic };
    const connection = { brokers };
    try {
      await ingestKafka(ledger, { connection, topics, until: 'end' }, new AbortController().signal);
    } catch (cause) {
      throw new Error(`${source} cannot be read: ${(cause as Error).message}`, { cause });
    }
  }, options);
}

/** Verifies what is no ledger by way of one that is thrown away: streams may lie in any order there. */
async function inPassing(fill: (ledger: Ledger) => Promise<void>, options: VerifyOptions): Promise<Report> {
  const folder = mkdtempSync(join(tmpdir(), 'cairn-verify-'));
  const ledger = openLedger(folder, { create: true });
  try {
    await fill(ledger);
    return await verifyLedger(ledger, options);
  } finally {
    ledger.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

const NEWLINE = 0x0a;
/** Bytes of one line of a file; longer ones are no export of Cairn. */
const MAX_FILE_LINE_BYTES = 64 * 1024 * 1024;

/** Lines as bytes, without newlines; a newline at the very end ends the last line. */
export async function* byLine(chunks: AsyncIterable<Buffer | string>): AsyncGenerator<Buffer> {
  let parts: Buffer[] = [];
  let length = 0;
  for await (const each of chunks) {
    const chunk = typeof each === 'string' ? Buffer.from(each) : each;
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      yield Buffer.concat([...parts, chunk.subarray(start, end)]);
      parts = [];
      length = 0;
      start = end + 1;
    }
    parts.push(chunk.subarray(start));
    length += chunk.length - start;
    if (length > MAX_FILE_LINE_BYTES) throw new Error(`a line is longer than ${MAX_FILE_LINE_BYTES} bytes: this is no export of Cairn`);
  }
  if (length > 0) yield Buffer.concat(parts);
}

async function* counted(lines: AsyncIterable<Buffer>, { onProgress }: VerifyOptions): AsyncGenerator<Buffer> {
  let count = 0;
  for await (const line of lines) {
    count += 1;
    onProgress?.(count);
    yield line;
  }
}
