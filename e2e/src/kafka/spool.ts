/** Spools as sidecars write them, for tests of shipping. */
import { readdirSync, statSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createStreamWriter, uuidv7, type SpoolPosition, type StreamWriter } from '@cairn/audit';

const agent = { name: 'sql-writer', namespace: 'research', node: 'node-1', pod: 'sql-writer-0', uid: 'pod-uid' };

export interface TestSpool {
  dir: string;
  writer: StreamWriter;
  /** Ids of the events written by `write`, in order, by the chain they belong to. */
  written: Map<string, string[]>;
  /** Appends `count` events of each chain, alternating, and flushes. `padding` characters make an event larger. */
  write(chains: readonly string[], count: number, padding?: number): void;
  /** Everything that is flushed now. */
  position(): SpoolPosition;
  remove(): Promise<void>;
}

export async function testSpool(options: { segmentBytes?: number } = {}): Promise<TestSpool> {
  const dir = await mkdtemp(join(tmpdir(), 'cairn-spool-'));
  const certify = async () => 'certificate';
  const writer = await createStreamWriter({
    dir,
    agent,
    certify,
    ...(options.segmentBytes && { limits: { segmentBytes: options.segmentBytes } }),
  });
  const written = new Map<string, string[]>();
  const idsOf = (chain: string): string[] => {
    const ids = written.get(chain) ?? [];
    written.set(chain, ids);
    return ids;
  };
  return {
    dir,
    writer,
    written,
    write(chains, count, padding = 0) {
      for (let index = 0; index < count; index++) {
        for (const chain of chains) {
          const id = uuidv7();
          writer.append(...eventHalves(id, chain, padding));
          idsOf(chain).push(id);
        }
      }
      writer.flush();
    },
    position: () => ({ [writer.id]: bytesOf(join(dir, writer.id)) }),
    remove: () => rm(dir, { recursive: true, force: true }),
  };
}

/** An intent as the recorder gives it to the writer: canonical JSON before and after the member `integrity`. */
function eventHalves(id: string, chain: string, padding: number): [string, string] {
  const head = `{"agent":${JSON.stringify(agent)},"id":"${id}"`;
  const launch = `{"chain":"${chain}","depth":1,"id":"${chain}","path":["research/sql-writer"]}`;
  const statement = `SELECT '${'x'.repeat(padding)}'`;
  const operation = `{"effect":"read","resource":"","statement":${JSON.stringify(statement)},"verb":"SELECT"}`;
  return [head, `"launch":${launch},"operation":${operation},"stage":"intent","time":"${new Date().toISOString()}"}`];
}

/** Offset of the stream's end: its last segment's name is that segment's own offset. */
function bytesOf(folder: string): number {
  const last = readdirSync(folder)
    .filter((name) => name.endsWith('.seg'))
    .sort()
    .at(-1)!;
  return Number.parseInt(last, 10) + statSync(join(folder, last)).size;
}
