/** What the run left: out of Kafka into a ledger, its keys and its witness out of the API server, and what `cairn` says of it. */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { AuditEvent, Report } from '@cairn/audit';
import { LEDGER_FILES, openLedger, type QueryOptions, type StoredEvent } from '@cairn/ledger';
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
  /** Events of everybody, oldest first. */
  all(): StoredEvent[];
  /** Takes what came until `enough` holds of the person's events; resolves to them. */
  eventsWhen(person: string, what: string, enough: (events: StoredEvent[]) => boolean): Promise<StoredEvent[]>;
  /** Asks the API server for its witness, takes what came, and verifies; as often as it takes for `enough` to hold. */
  verified(what: string, enough: (result: Finished) => boolean): Promise<Finished>;
  /** Asks the API server for its witness, takes what came, and verifies. */
  report(): Promise<{ code: number | null; report: Report }>;
  /** `cairn ARGS`, in the ledger's folder. */
  cairn(...args: string[]): Promise<Finished>;
}

export interface EvidenceOptions {
  /** Kafka as the machine reaches it. */
  brokers: string;
  /** Where the ledger is made; it is emptied. */
  folder: string;
  /** Those whose streams the witness is asked for. Default: all. */
  namespaces?: readonly string[];
}

/** Opens an empty ledger. */
export async function openEvidence(
  cluster: Cluster,
  installed: CairnInstallation,
  { brokers, folder, namespaces }: EvidenceOptions,
): Promise<Evidence> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await writeFile(join(folder, LEDGER_FILES.trust), await installed.trust());
  const run = (...args: string[]): Promise<Finished> => cairn(args, folder);
  const ingest = async (): Promise<void> => {
    const { code, output } = await run('ingest', `kafka://${brokers}`, '--ledger', '.');
    if (code !== 0) throw new Error(output);
  };
  /** The witness first: what it saw is in Kafka by the time that Kafka is read, while agents go on. */
  const verify = async (...args: string[]): Promise<Finished> => {
    const items: unknown[] = [];
    for (const scope of namespaces?.map((name) => ['-n', name]) ?? [['-A']]) {
      items.push(...(await cluster.get<{ items: unknown[] }>('auditstreams', ...scope)).items);
    }
    await writeFile(join(folder, WITNESS_FILE), JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
    await ingest();
    return run('verify', '.', '--witness', WITNESS_FILE, ...args);
  };
  const events = (person: string): StoredEvent[] => eventsOf(folder, { root: person });
  return {
    folder,
    ingest,
    events,
    all: () => eventsOf(folder, {}),
    cairn: run,
    eventsWhen: (person, what, enough) =>
      until(what, EVIDENCE_MS, async () => {
        await ingest();
        const found = events(person);
        return enough(found) && found;
      }),
    verified: (what, enough) =>
      until(what, EVIDENCE_MS, async () => {
        const result = await verify();
        if (!enough(result)) throw new Error(result.output);
        return result;
      }),
    report: async () => {
      const { code, output } = await verify('--json');
      const line = output.split('\n').find((each) => each.startsWith('{'));
      if (line === undefined) throw new Error(output);
      return { code, report: JSON.parse(line) as Report };
    },
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

function eventsOf(folder: string, filter: QueryOptions): StoredEvent[] {
  const ledger = openLedger(folder);
  try {
    return [...ledger.query({ ...filter, order: 'oldest' })];
  } finally {
    ledger.close();
  }
}
