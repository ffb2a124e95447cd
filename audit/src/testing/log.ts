/** A trusted log for tests: a token service, streams written by the real writer, and everything they left in the spool. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateSigningKey, signJwt, uuidv7, type SigningKey } from '@cairn/identity';
import { canonicalJson } from '../canonical.js';
import { STREAM_CERTIFICATE_TYPE, type CertificateTrust } from '../certificate.js';
import type { AuditEvent } from '../event.js';
import { SpoolReader, type SpoolRecord } from '../spool/reader.js';
import type { StreamWriterOptions } from '../writer/options.js';
import { createStreamWriter, type SpoolStreamWriter } from '../writer/writer.js';

export const ISSUER = 'https://cairn.example.com';
export const AGENT = { name: 'planner', namespace: 'research', node: 'node-1', pod: 'planner-0', uid: 'e3f1' };

export interface TestAuthority {
  trust: CertificateTrust;
  certify: (publicKey: string, stream: string) => Promise<string>;
}

export async function testAuthority(issuer = ISSUER): Promise<TestAuthority> {
  const key: SigningKey = await generateSigningKey('ES256');
  const pod = { namespace: AGENT.namespace, name: AGENT.pod, uid: AGENT.uid };
  return {
    trust: { issuer, jwks: { keys: [key.publicJwk] } },
    certify: (x, sub) => {
      const cnf = { jwk: { kty: 'OKP', crv: 'Ed25519', x } };
      return signJwt(key, STREAM_CERTIFICATE_TYPE, { iss: issuer, sub, iat: 1_790_000_000, cnf, pod, agent: AGENT.name });
    },
  };
}

export function temporaryFolder(): { dir: string; remove: () => void } {
  const dir = mkdtempSync(join(tmpdir(), 'cairn-audit-'));
  return { dir, remove: () => rmSync(dir, { recursive: true, force: true }) };
}

/** The pieces that StreamWriter.append takes, of any event. */
export function pieces(event: Partial<AuditEvent>): [head: string, tail: string] {
  const text = canonicalJson({ ...event, integrity: 0 });
  const at = text.indexOf(',"integrity":0,');
  return [text.slice(0, at), text.slice(at + ',"integrity":0,'.length)];
}

/** An intent and its outcome. Returns the intent's id. */
export function appendExchange(writer: SpoolStreamWriter, number: number): string {
  const id = uuidv7();
  const session = { id: 'session-1', seq: number, direction: 'outbound' as const };
  const common = { agent: AGENT, session, protocol: 'http', time: '2026-11-22T08:00:00.000000Z' };
  const operation = { verb: 'GET', resource: `/orders/${number}`, effect: 'read' as const, parameters: { '10': 'ü', '9': number / 3 } };
  writer.append(...pieces({ ...common, id, stage: 'intent', operation }));
  const payload = writer.payload([Buffer.from(`{"order":${number}}`)], 'application/json');
  const response = { status: '200', size: 12, duration: 1.5, ...(payload && { payload: [payload] }) };
  writer.append(...pieces({ ...common, id: uuidv7(), stage: 'complete', cause: id, response }));
  return id;
}

export interface TestLog {
  lines: string[];
  notes: string[];
  payloads: Extract<SpoolRecord, { kind: 'payload' }>[];
  records: SpoolRecord[];
  stream: string;
}

/** Writes one stream of `exchanges` exchanges, a flush after each `batch`, and reads it back. */
export async function writeLog(
  authority: TestAuthority,
  exchanges: number,
  options: Partial<StreamWriterOptions> & { batch?: number } = {},
): Promise<TestLog> {
  const folder = temporaryFolder();
  try {
    const writer = await createStreamWriter({
      dir: folder.dir,
      agent: AGENT,
      certify: (key, id) => authority.certify(key, id),
      ...options,
    });
    for (let number = 1; number <= exchanges; number++) {
      appendExchange(writer, number);
      if (number % (options.batch ?? 2) === 0) writer.flush();
    }
    await writer.close('test');
    return readLog(folder.dir, writer.id);
  } finally {
    folder.remove();
  }
}

export function readLog(dir: string, stream: string): TestLog {
  const records = new SpoolReader(dir).read(Number.POSITIVE_INFINITY).filter((record) => record.stream === stream);
  return {
    lines: records.flatMap((record) => (record.kind === 'event' ? [record.line] : [])),
    notes: records.flatMap((record) => (record.kind === 'checkpoint' ? [record.note] : [])),
    payloads: records.flatMap((record) => (record.kind === 'payload' ? [record] : [])),
    records,
    stream,
  };
}
