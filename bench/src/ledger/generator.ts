/** Realistic evidence without end, in bounded memory: chains of agents three deep, intents and outcomes, rightly hashed. */
import { hash } from 'node:crypto';
import { canonicalJson } from '@cairn/audit';
import type { LedgerRecord } from '@cairn/ledger';

const STREAMS = 64;
const PEOPLE = 1_000;
const GROUPS = 40;
const AGENTS = 60;
const TABLES = 300;
/** Exchanges of one launch before the person asks something new. */
const EXCHANGES = 24;
const START = Date.UTC(2026, 0, 1);
/** Milliseconds between two events of the whole cluster. */
const STEP = 3;

interface Stream {
  id: string;
  seq: number;
  prev: string;
  agent: string;
}

const uuid = (kind: number, number: number): string =>
  `01900000-${kind.toString(16).padStart(4, '0')}-7000-8000-${number.toString(16).padStart(12, '0')}`;

/** `count` events of about 1 KB, in order of time as they would arrive from many sidecars. */
export function* generateEvents(count: number): Generator<LedgerRecord> {
  const streams = Array.from({ length: STREAMS }, (_, index): Stream => {
    const agent = {
      name: `agent-${index % AGENTS}`,
      namespace: `team-${index % 7}`,
      pod: `agent-${index}-0`,
      uid: uuid(9, index),
      node: `node-${index % 5}`,
    };
    return { id: uuid(1, index), seq: 0, prev: '0'.repeat(64), agent: canonicalJson(agent) };
  });
  for (let number = 0; number < count; number++) yield { kind: 'event', line: nextLine(streams, number) };
}

/** Intent and outcome of one exchange are neighbours in one stream. */
function nextLine(streams: readonly Stream[], number: number): string {
  const exchange = number >> 1;
  const stream = streams[exchange % STREAMS]!;
  const head = `{"agent":${stream.agent},"attribution":{"method":"serialized"}`;
  const { rest, decision } = exchangeText(exchange);
  const complete = (number & 1) === 1;
  const id = uuid(complete ? 3 : 2, exchange);
  const cause = complete ? `,"cause":"${uuid(2, exchange)}"` : '';
  const response = complete
    ? `"response":{"duration":${(exchange % 90) / 8},"rows":${exchange % 50},"sha256":"${'ab'.repeat(32)}","size":${exchange % 9000},"status":"00000"},`
    : '';
  const start = `${head}${cause},${decision},"id":"${id}","integrity":{`;
  const chained = `"prev":"${stream.prev}","seq":${stream.seq},"stream":"${stream.id}"},`;
  const time = new Date(START + number * STEP).toISOString();
  const end = `${rest.launch}${rest.operation}"protocol":"postgres",${response}${rest.root}${rest.session}"stage":"${complete ? 'complete' : 'intent'}",${rest.target}"time":"${time}"}`;
  stream.prev = hash('sha256', start + chained + end, 'hex');
  stream.seq += 1;
  return `${start}"hash":"${stream.prev}",${chained}${end}`;
}

function exchangeText(exchange: number): {
  rest: Record<'launch' | 'operation' | 'root' | 'session' | 'target', string>;
  decision: string;
} {
  const question = Math.floor(exchange / (STREAMS * EXCHANGES)) * STREAMS + (exchange % STREAMS);
  const person = (question * 7919) % PEOPLE;
  const table = (exchange * 31) % TABLES;
  const verb = exchange % 500 === 499 ? 'DROP' : exchange % 10 === 9 ? 'UPDATE' : 'SELECT';
  const action = verb === 'DROP' ? 'Deny' : 'Allow';
  const [chain, parent] = [uuid(4, question), uuid(5, question)];
  const statement = statementOf(verb, table, exchange);
  const agents = ['planner', 'researcher', 'writer'].map((name) => `"research/${name}"`).join(',');
  return {
    decision: `"decision":{"action":"${action}","policy":"research","rule":"rule-${exchange % 5}"}`,
    rest: {
      launch: `"launch":{"chain":"${chain}","depth":3,"id":"${uuid(6, question)}","parent":"${parent}","path":[${agents}]},`,
      operation: `"operation":{"effect":"${verb === 'SELECT' ? 'read' : 'write'}","parameters":{"1":${exchange}},"resource":"public.table_${table}","statement":"${statement}","verb":"${verb}"},`,
      root: `"root":{"authn":"oidc","groups":["group-${person % GROUPS}","staff"],"iss":"https://idp.example","name":"person-${person}@example.com","sub":"${uuid(7, person)}"},`,
      session: `"session":{"direction":"outbound","id":"${uuid(8, Math.floor(exchange / STREAMS / 100) * STREAMS + (exchange % STREAMS))}","seq":${exchange % 100}},`,
      target: `"target":{"host":"orders-${table % 12}.data.svc","name":"orders-${table % 12}","port":5432},`,
    },
  };
}

function statementOf(verb: string, table: number, exchange: number): string {
  if (verb === 'DROP') return `DROP TABLE public.table_${table}`;
  if (verb === 'UPDATE') return `UPDATE public.table_${table} SET total = $1, note = 'n${exchange % 5000}' WHERE id = $2`;
  return `SELECT id, email, total FROM public.table_${table} WHERE customer = $1 AND created > $2 ORDER BY created LIMIT ${exchange % 97}`;
}
