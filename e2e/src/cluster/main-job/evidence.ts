/** What the run left: out of Kafka into a ledger, its keys and its witness out of the API server, and what `cairn` says of it. */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { AuditEvent } from '@cairn/audit';
import { LEDGER_FILES, openLedger, type StoredEvent } from '@cairn/ledger';
import type { CairnInstallation } from '../../harness/cluster/cairn.js';
import type { Cluster } from '../../harness/cluster/index.js';
import { cairn, type Finished } from '../../demo/run.js';
import { EVIDENCE_MS } from './limits.js';
import { until } from './until.js';

/** The file that `kubectl get auditstreams` went into, beside the ledger. */
export const WITNESS_FILE = 'auditstreams.json';

export interface Evidence {
  /** The ledger's folder. */
  readonly folder: string;
  /** Takes what Kafka has by now. */
  ingest(): Promise<void>;
  /** Events of a person, oldest first. */
  events(person: string): StoredEvent[];
  /** Takes what came until `enough` holds of the person's events; resolves to them. */
  eventsWhen(person: string, what: string, enough: (events: StoredEvent[]) => boolean): Promise<StoredEvent[]>;
  /** Takes what came, asks the API server for its witness, and verifies; as often as it takes for `enough` to hold. */
  verified(what: string, enough: (result: Finished) => boolean): Promise<Finished>;
  /** `cairn ARGS`, in the ledger's folder. */
  cairn(...args: string[]): Promise<Finished>;
}

/** Opens an empty ledger in `folder`, which is emptied. `brokers`: Kafka as the machine reaches it. */
export async function openEvidence(cluster: Cluster, installed: CairnInstallation, brokers: string, folder: string): Promise<Evidence> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await writeFile(join(folder, LEDGER_FILES.trust), await installed.trust());
  const run = (...args: string[]): Promise<Finished> => cairn(args, folder);
  const ingest = async (): Promise<void> => {
    const { code, output } = await run('ingest', `kafka://${brokers}`, '--ledger', '.');
    if (code !== 0) throw new Error(output);
  };
  const events = (person: string): StoredEvent[] => eventsOf(folder, person);
  return {
    folder,
    ingest,
    events,
    cairn: run,
    eventsWhen: (person, what, enough) =>
      until(what, EVIDENCE_MS, async () => {
        await ingest();
        const found = events(person);
        return enough(found) && found;
      }),
    verified: (what, enough) =>
      until(what, EVIDENCE_MS, async () => {
        await ingest();
        await writeFile(join(folder, WITNESS_FILE), await cluster.kubectl(['get', 'auditstreams', '-A', '-o', 'json']));
        const result = await run('verify', '.', '--witness', WITNESS_FILE);
        if (!enough(result)) throw new Error(result.output);
        return result;
      }),
  };
}

/** The planner's answer to whoever asked it: the end of a chain. */
export function isAnswered({ stage, session, agent }: AuditEvent): boolean {
  return stage === 'complete' && session?.direction === 'inbound' && agent?.name === 'planner';
}

/** Whether of every stream as much is witnessed as its sidecar has signed, in what `cairn verify` said. */
export function isWitnessed(output: string): boolean {
  const streams = [...output.matchAll(/signed up to (\d+), witnessed up to (\d+)/g)];
  return streams.length > 0 && streams.every(([, signed, witnessed]) => signed === witnessed);
}

function eventsOf(folder: string, root: string): StoredEvent[] {
  const ledger = openLedger(folder);
  try {
    return [...ledger.query({ root, order: 'oldest' })];
  } finally {
    ledger.close();
  }
}
