/**
 * Evidence of one question for tests of the command line: Alice asks the planner, which calls the researcher, which calls
 * the writer, which reads, writes (held, approved by Bob) and is denied a DROP. Written by three real stream writers.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { auditorPublicKey, canonicalJson, createStreamWriter, generateAuditorKey, STREAM_CERTIFICATE_TYPE, uuidv7 } from '@cairn/audit';
import type { AuditEvent, AttributionMethod, SpoolStreamWriter } from '@cairn/audit';
import { generateSigningKey, signJwt, type Launch } from '@cairn/identity';
import { LEDGER_FILES, openLedger, SpoolIngest } from '@cairn/ledger';

const ISSUER = 'https://cairn.example';
export const ALICE = { iss: 'https://idp.example', sub: 'u-1', name: 'alice@example.com', groups: ['analysts'], authn: 'oidc' as const };
const AGENTS = ['research/planner', 'research/researcher', 'data/writer'];
/** Statement that tries to write to the terminal of whoever reads it. */
export const HOSTILE = "SELECT '\u001b[31mred\u001b[0m' FROM orders";

export interface ChainLedger {
  folder: string;
  auditorKey: string;
  chain: string;
  /** Intents by statement. */
  intents: Record<string, string>;
  remove(): void;
}

export async function chainLedger(): Promise<ChainLedger> {
  const folder = mkdtempSync(join(tmpdir(), 'cairn-cli-'));
  const spool = join(folder, 'spool');
  const key = await generateSigningKey('ES256');
  const auditor = generateAuditorKey();
  const writers: SpoolStreamWriter[] = [];
  for (const path of AGENTS) writers.push(await openWriter(spool, path, key, auditorPublicKey(auditor.publicJwk)));
  const recording = record(writers);
  for (const writer of writers) await writer.close('done');
  const ledger = openLedger(folder, { create: true });
  new SpoolIngest(ledger, spool).drain();
  ledger.close();
  writeFileSync(join(folder, LEDGER_FILES.trust), JSON.stringify({ issuer: ISSUER, jwks: { keys: [key.publicJwk] } }));
  writeFileSync(join(folder, LEDGER_FILES.auditorKey), JSON.stringify(auditor.privateJwk), { mode: 0o600 });
  return {
    folder,
    auditorKey: join(folder, LEDGER_FILES.auditorKey),
    ...recording,
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

function agentOf(path: string): AuditEvent['agent'] {
  const [namespace = '', name = ''] = path.split('/');
  return { name, namespace, pod: `${name}-0`, uid: `uid-${name}`, node: 'node-1' };
}

function openWriter(
  dir: string,
  path: string,
  key: Awaited<ReturnType<typeof generateSigningKey>>,
  auditorKey: { kid: string; publicKey: string },
): Promise<SpoolStreamWriter> {
  const agent = agentOf(path);
  const certify = (x: string, sub: string): Promise<string> => {
    const claims = {
      iss: ISSUER,
      sub,
      iat: 1_790_000_000,
      cnf: { jwk: { kty: 'OKP', crv: 'Ed25519', x } },
      pod: { namespace: agent.namespace, name: agent.pod, uid: agent.uid },
      agent: agent.name,
    };
    return signJwt(key, STREAM_CERTIFICATE_TYPE, claims);
  };
  return createStreamWriter({ dir, agent, certify, auditorKey });
}

/** Members of an exchange beside those that follow from its place. */
interface Exchange {
  statement: string;
  verb: string;
  resource: string;
  target: AuditEvent['target'];
  inbound?: boolean;
  cause?: string;
  parameters?: Record<string, unknown>;
  method: AttributionMethod;
  intended?: AuditEvent['decision'];
  decision?: AuditEvent['decision'];
  response: Partial<NonNullable<AuditEvent['response']>>;
  body?: string;
  masked?: AuditEvent['masked'];
}

const ALLOW = { action: 'Allow', policy: 'research' } as const;

function record(writers: readonly SpoolStreamWriter[]): { chain: string; intents: Record<string, string> } {
  const ids = writers.map(() => uuidv7());
  const launches: Launch[] = ids.map((id, index) => ({
    id,
    chain: ids[0]!,
    ...(index > 0 ? { parent: ids[index - 1]! } : {}),
    depth: index + 1,
    path: AGENTS.slice(0, index + 1),
  }));
  const intents: Record<string, string> = {};
  let clock = Date.now();
  const begin = (at: number, exchange: Exchange): (() => void) => {
    const writer = writers[at]!;
    const id = uuidv7();
    intents[exchange.statement] = id;
    const { verb, resource, statement, parameters, method, target } = exchange;
    const common = {
      agent: agentOf(AGENTS[at]!),
      root: ALICE,
      launch: launches[at]!,
      attribution: { method },
      protocol: target!.port === 5432 ? 'postgres' : 'http',
      target,
      operation: { verb, resource, effect: verb === 'SELECT' ? 'read' : 'write', statement, ...(parameters && { parameters }) },
      session: {
        id: `00000000-0000-7000-8000-00000000000${at}`,
        seq: Object.keys(intents).length,
        direction: exchange.inbound ? 'inbound' : 'outbound',
      },
    } as const;
    const append = (event: Partial<AuditEvent>): void => {
      clock += 1;
      writer.append(...pieces({ ...common, time: new Date(clock).toISOString(), ...event }));
    };
    append({
      id,
      stage: 'intent',
      decision: exchange.intended ?? exchange.decision ?? ALLOW,
      ...(exchange.cause === undefined ? {} : { cause: exchange.cause }),
    });
    if (exchange.intended) append({ id: uuidv7(), stage: 'decision', cause: id, decision: exchange.decision! });
    return () => {
      const payload = exchange.body === undefined ? undefined : writer.payload([Buffer.from(exchange.body)], 'application/json');
      const response = { status: '200', size: 10, duration: 3.25, ...exchange.response, ...(payload && { payload: [payload] }) };
      append({
        id: uuidv7(),
        stage: 'complete',
        cause: id,
        decision: exchange.decision ?? ALLOW,
        response,
        ...(exchange.masked && { masked: exchange.masked }),
      });
    };
  };
  const ends: (() => void)[] = [];
  let cause: string | undefined;
  for (const at of [0, 1, 2]) {
    const served = { name: AGENTS[at]!.split('/')[1]!, host: `${at}.research.svc`, port: 8080 };
    const call = (statement: string, target: AuditEvent['target'], inbound: boolean): Exchange => ({
      statement,
      verb: 'POST',
      resource: statement.slice(5),
      target,
      inbound,
      ...(cause === undefined ? {} : { cause }),
      method: inbound ? 'presented' : 'serialized',
      response: {},
    });
    ends.push(begin(at, call(`POST /serve-${at}`, served, true)));
    cause = intents[`POST /serve-${at}`]!;
    if (at === 2) break;
    const next = { name: AGENTS[at + 1]!.split('/')[1]!, host: `${at + 1}.research.svc`, port: 8080 };
    ends.push(begin(at, call(`POST /call-${at + 1}`, next, false)));
    cause = intents[`POST /call-${at + 1}`]!;
  }
  for (const exchange of statements(cause!)) begin(2, exchange)();
  for (const end of ends.reverse()) end();
  return { chain: ids[0]!, intents };
}

function statements(cause: string): Exchange[] {
  const target = { name: 'orders', host: 'orders.data.svc', port: 5432 };
  const held = { action: 'RequireApproval', policy: 'research', rule: 'writes' } as const;
  const approved: AuditEvent['decision'] = {
    action: 'Allow',
    policy: 'research',
    rule: 'writes',
    approval: { id: 'a-1', state: 'approved', approvers: ['bob@example.com'] },
  } as const;
  const denied = { action: 'Deny', policy: 'research', rule: 'no-schema-changes', reason: 'schema changes go through migrations' } as const;
  const common = { target, cause, method: 'serialized' as const, resource: 'orders' };
  const columns = [
    { name: 'id', type: 'int4' },
    { name: 'email', type: 'text' },
  ];
  return [
    {
      ...common,
      verb: 'SELECT',
      resource: 'customers',
      statement: 'SELECT id, email FROM customers WHERE id = $1',
      parameters: { '1': 7 },
      response: { status: '00000', rows: 1, columns },
      body: '[{"id":7,"email":"carol@example.com"}]',
      masked: [{ path: 'email', rule: 'contacts', count: 1 }],
    },
    { ...common, verb: 'SELECT', statement: HOSTILE, response: { status: '00000', rows: 2 } },
    {
      ...common,
      verb: 'UPDATE',
      statement: 'UPDATE orders SET total = 0',
      intended: held,
      decision: approved,
      response: { status: '00000', rows: 3 },
    },
    { ...common, verb: 'DROP', statement: 'DROP TABLE orders', decision: denied, response: { status: '42501', error: 'denied by policy' } },
  ];
}

function pieces(event: Partial<AuditEvent>): [head: string, tail: string] {
  const text = canonicalJson({ ...event, integrity: 0 });
  const at = text.indexOf(',"integrity":0,');
  return [text.slice(0, at), text.slice(at + ',"integrity":0,'.length)];
}
