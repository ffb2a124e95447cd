/** The file of `cairn export --format jsonl`: a header line, then one event line each, streams interleaved as they may be. */
import type { JSONWebKeySet } from 'jose';
import { canonicalJson } from './canonical.js';
import type { CertificateTrust } from './certificate.js';
import { decode, EventError } from './parse.js';
import type { WitnessEntry } from './verify/anchors.js';
import type { Report } from './verify/report.js';
import { createVerifier } from './verify/verifier.js';

export interface ExportHeader {
  cairn: 'export';
  version: 1;
  /** Who certified the streams, as the exporter knew it. A verifier that knows better gives its own. */
  issuer: string;
  jwks: JSONWebKeySet;
  /** The latest checkpoint note of each stream. */
  checkpoints: string[];
  /** Event lines that follow. */
  events: number;
}

export function exportHeader(header: Omit<ExportHeader, 'cairn' | 'version'>): string {
  return canonicalJson({ cairn: 'export', version: 1, ...header });
}

export class ExportError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ExportError';
  }
}

export interface ExportReport extends Report {
  /** `export`: nobody gave an issuer and keys, so those in the file were believed, which whoever wrote it could choose. */
  trust: 'given' | 'export';
}

export interface VerifyExportOptions {
  trust?: CertificateTrust | undefined;
  witness?: readonly WitnessEntry[] | undefined;
}

/** `lines` without their newlines; as bytes where they come from a file. Throws ExportError where the first is not a header. */
export async function verifyExport(
  lines: AsyncIterable<string | Uint8Array> | Iterable<string | Uint8Array>,
  options: VerifyExportOptions = {},
): Promise<ExportReport> {
  let verifier: ReturnType<typeof createVerifier> | undefined;
  let header: ExportHeader | undefined;
  let number = 0;
  for await (const line of lines) {
    number += 1;
    if (verifier) {
      verifier.event(line, number);
      continue;
    }
    header = readHeader(line);
    const trust = options.trust ?? { issuer: header.issuer, jwks: header.jwks };
    verifier = createVerifier({ trust, witness: options.witness, payloads: false });
    for (const note of header.checkpoints) verifier.checkpoint(note);
  }
  if (!verifier || !header) throw new ExportError('the file is empty: it is no export of Cairn');
  const report = withCount(await verifier.finish(), header.events, number - 1);
  return { ...report, trust: options.trust ? 'given' : 'export' };
}

/** Counts tell of lines that vanished at the end of streams whose last checkpoint does not cover them. */
function withCount(report: Report, promised: number, actual: number): Report {
  if (promised === actual || report.integrity.findings.some(({ kind }) => kind === 'missing' || kind === 'truncated')) return report;
  const sentence = `the header speaks of ${promised} events, and ${actual} are there`;
  const findings = [...report.integrity.findings, { kind: promised > actual ? ('truncated' as const) : ('forged' as const), sentence }];
  return { ...report, integrity: { ...report.integrity, held: false, findings } };
}

function readHeader(line: string | Uint8Array): ExportHeader {
  const header = parseHeader(line);
  if (header?.cairn !== 'export') throw new ExportError('the first line is not the header of a Cairn export: {"cairn":"export",...}');
  if (header.version !== 1)
    throw new ExportError(`this program reads exports of version 1, and this one is of version ${String(header.version)}`);
  const whole = typeof header.issuer === 'string' && Array.isArray(header.jwks?.keys) && Array.isArray(header.checkpoints);
  if (!whole || !Number.isSafeInteger(header.events))
    throw new ExportError('the header of the export lacks issuer, jwks, checkpoints or events');
  return header;
}

function parseHeader(line: string | Uint8Array): ExportHeader | undefined {
  try {
    return JSON.parse(typeof line === 'string' ? line : decode(line)) as ExportHeader | undefined;
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof EventError) return undefined;
    throw error;
  }
}
