/** Where a witness's checkpoints may lie: its registry, or the AuditStream objects of a cluster. */
import { readFileSync, statSync } from 'node:fs';
import type { WitnessEntry } from '@cairn/audit';
import type { AuditStream } from '@cairn/crds';
import { readWitness } from '@cairn/ledger';
import { parse } from 'yaml';

/** Bytes of a list of AuditStream objects: a hundred thousand of them. */
const MAX_LIST_BYTES = 512 * 1024 * 1024;
const ANSWER_MS = 60_000;

interface StreamList {
  items: AuditStream[];
}

/** Checkpoints of the streams in a list; a stream that was never witnessed has none. Lists of several kinds are as good. */
export function witnessedStreams({ items }: StreamList): WitnessEntry[] {
  return items
    .filter(({ kind }) => kind === 'AuditStream' || kind === undefined)
    .flatMap(({ spec, status }) => (status?.lastCheckpoint ? [{ stream: spec.stream, ...status.lastCheckpoint }] : []));
}

function listIn(text: string): StreamList | undefined {
  try {
    const value = (/^(apiVersion|items|kind|metadata):/.test(text) ? parse(text) : JSON.parse(text)) as Partial<StreamList> | null;
    return Array.isArray(value?.items) ? (value as StreamList) : undefined;
  } catch {
    // A registry has a JSON object a line: no document as a whole.
    return undefined;
  }
}

/** Throws where it cannot be reached or is no witness. */
export async function readWitnessSource(source: string): Promise<WitnessEntry[]> {
  if (/^https?:\/\//.test(source)) return fetched(source);
  const isSmall = (statSync(source, { throwIfNoEntry: false })?.size ?? 0) <= MAX_LIST_BYTES;
  const list = isSmall && !source.endsWith('.jsonl') ? listIn(readText(source)) : undefined;
  return list ? witnessedStreams(list) : readWitness(source);
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

/** For `kubectl proxy`, or any copy of the list. */
async function fetched(url: string): Promise<WitnessEntry[]> {
  const response = await fetch(url, { headers: { accept: 'application/json' }, signal: AbortSignal.timeout(ANSWER_MS) }).catch(
    (cause: unknown) => {
      throw new Error(`${url} cannot be reached; with kubectl proxy it is http://127.0.0.1:8001/apis/cairn.dev/v1alpha1/auditstreams`, {
        cause,
      });
    },
  );
  const list = response.ok ? listIn(await response.text()) : undefined;
  if (list) return witnessedStreams(list);
  throw new Error(`${url} answered ${response.status} and no list of AuditStream objects`);
}
