/** Events in words: one statement, what came back, what was decided. Every text that an agent could have sent is made printable. */
import type { AuditEvent } from '@cairn/audit';
import type { TrailExchange } from '@cairn/ledger';
import { count, duration, printable, shorten, type Style } from './style.js';

/** Statement, or verb and resource. */
export function statementOf({ operation }: AuditEvent): string {
  if (!operation) return '';
  return printable(operation.statement ?? `${operation.verb} ${operation.resource}`);
}

/** `whole`: an exchange without an outcome says so. `SELECT email FROM customers → orders · 3 rows · Allow · email masked 3 times · 4 ms · by handle`. */
export function exchangeText(exchange: TrailExchange, style: Style, width: number, whole = true): string {
  const { intent, decision, complete } = exchange;
  const event = complete ?? decision ?? intent;
  if (!event) return '';
  const statement = shorten(statementOf(intent ?? event), width);
  const inbound = event.session?.direction === 'inbound';
  const target = event.target ? `${inbound ? 'at' : '→'} ${printable(event.target.name || event.target.host)}` : '';
  const head = `${inbound ? style.dim('served ') : ''}${style.bold(statement)} ${style.cyan(target)}`;
  const parts = [outcome(complete, style, whole), decisionText(exchange, style), maskedText(event), timing(complete), method(event)];
  return [head, ...parts.filter((part) => part !== '')].join(style.dim(' · '));
}

function outcome(complete: AuditEvent | undefined, style: Style, whole: boolean): string {
  const response = complete?.response;
  if (!response) return whole ? style.yellow('no outcome recorded') : '';
  const rows = response.rows === undefined ? '' : count(response.rows, 'row');
  const failed = response.error !== undefined || !/^(00000|0|[123]\d\d)$/.test(response.status);
  const status = failed || rows === '' ? printable(response.status) : '';
  const text = [rows, status, response.error === undefined ? '' : shorten(printable(response.error), ERROR_WIDTH)]
    .filter(Boolean)
    .join(' ');
  return failed ? style.red(text) : text;
}

const ERROR_WIDTH = 120;

/** The intent says what the rule asked for, what follows says how it ended. */
function decisionText({ intent, decision, complete }: TrailExchange, style: Style): string {
  const asked = intent?.decision;
  const ended = complete?.decision ?? decision?.decision ?? asked;
  if (!ended) return '';
  const rule = ended.rule === undefined ? '' : ` by ${ended.policy}/${ended.rule}`;
  const reason = ended.reason !== undefined && ended.action !== 'Allow' ? `: ${ended.reason}` : '';
  const approval = (complete ?? decision)?.decision?.approval;
  const held = approval ? ` (${approval.state}${approval.approvers.length > 0 ? ` by ${approval.approvers.join(', ')}` : ''})` : '';
  const text = printable(`${asked && asked.action !== ended.action ? `${asked.action} → ` : ''}${ended.action}${rule}${held}${reason}`);
  if (ended.action === 'Allow') return style.green(text);
  return ended.action === 'Deny' ? style.red(text) : style.yellow(text);
}

function maskedText({ masked }: AuditEvent): string {
  if (!masked || masked.length === 0) return '';
  return `masked ${masked.map(({ path, count: times }) => `${printable(path)} ×${times}`).join(', ')}`;
}

function timing(complete: AuditEvent | undefined): string {
  return complete?.response ? duration(complete.response.duration) : '';
}

function method({ attribution }: AuditEvent): string {
  if (!attribution) return '';
  const candidates = attribution.candidates ? ` of ${attribution.candidates.length} candidates` : '';
  return `by ${attribution.method}${candidates}`;
}

/** One event on one line, as tail and replay show it. */
export function eventLine(event: AuditEvent, style: Style): string {
  const path = (event.launch?.path ?? []).map((agent) => printable(agent.slice(agent.indexOf('/') + 1)));
  const who = [printable(event.root?.name ?? '?'), ...(path.length > 0 ? path : [printable(event.agent.name)])].join(' › ');
  const exchange = {
    [event.stage === 'decision' || event.stage === 'complete' ? event.stage : 'intent']: event,
    launches: [],
  } as TrailExchange;
  const what = event.operation ? exchangeText(exchange, style, LINE_WIDTH, false) : otherText(event, style);
  return `${style.dim(event.time)} ${event.stage.padEnd(8)} ${style.magenta(who)} ${what}`;
}

const LINE_WIDTH = 200;

function otherText({ gap, seal, integrity }: AuditEvent, style: Style): string {
  if (gap) return style.red(`${gap.count} events are missing: ${printable(gap.reason)}`);
  if (seal) return style.dim(`payload record ${seal.record} sealed, ${seal.size} bytes`);
  return style.dim(`stream ${integrity.stream}`);
}
