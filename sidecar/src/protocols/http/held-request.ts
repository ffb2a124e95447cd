/**
 * A request whose body is kept until it is understood or somebody approved it, and what the approval is bound to: everything that says what
 * will be done, and nothing that a retry of the same request changes by itself (tracing, what we add, how the body was
 * cut into chunks).
 */
import type { HoldOutcome } from '../../guard/guard.js';
import type { Decided, RequestBody } from './decided.js';
import type { HttpContext } from './dialect.js';
import type { MessageReader } from './frame.js';
import type { RequestHead } from './head.js';
import { authorizationLine } from './rewrite.js';

export class CollectedBody {
  #size: number;

  constructor(
    /** Bytes. */
    private readonly limit: number,
    /** What follows once the body is whole, or larger than the limit: then without its content. */
    private readonly then: (body: RequestBody, whole: Buffer | undefined) => void,
    readonly body: RequestBody = { raw: [], parts: [], trailers: undefined, done: false },
  ) {
    this.#size = body.raw.reduce((size, each) => size + each.length, 0);
  }

  /** Keeps the piece of the body that was just read. False where nothing more is to be taken. */
  take(reader: MessageReader<RequestHead>): boolean {
    const { body } = this;
    body.raw.push(reader.raw);
    body.parts.push(...reader.parts);
    body.trailers = reader.trailers;
    body.done = reader.done;
    this.#size += reader.raw.length;
    return !body.done && this.#size <= this.limit;
  }

  goOn(): void {
    const { body, limit } = this;
    this.then(body, body.done && this.#size <= limit ? Buffer.concat(body.parts) : undefined);
  }
}

/** What people decide of the request whose intent is `event`; does not reject. */
export async function askFor(context: HttpContext, decided: Decided, body: RequestBody | undefined, event: string): Promise<HoldOutcome> {
  const { head, route, verdict, attribution, operations, statement } = decided;
  const owns = authorizationLine(context.credential()) !== '';
  const bytes = approvalBytes(head, route.path, owns, body?.parts ?? []);
  try {
    return await context.guard.hold({ verdict, attribution, operations, summary: statement, bytes, event });
  } catch (error) {
    return { state: 'unavailable', id: '', approvers: [], message: (error as Error).message };
  }
}

const VOLATILE = new Set(
  (
    'connection keep-alive te expect transfer-encoding content-length accept-encoding user-agent date traceparent tracestate baggage b3 ' +
    'x-request-id x-correlation-id x-amzn-trace-id x-cloud-trace-context sentry-trace'
  ).split(' '),
);

/** Request line with stable fields, and the body's payload in one piece: a digest may count pieces. */
function approvalBytes(head: RequestHead, path: string, ownsAuthorization: boolean, body: readonly Buffer[]): Buffer[] {
  const fields: string[] = [];
  const dropped = head.dropped ?? [];
  for (let pos = head.fields; pos < head.text.length - 2;) {
    const eol = head.text.indexOf('\r\n', pos);
    const name = head.text.slice(pos, head.text.indexOf(':', pos)).toLowerCase();
    const isOurs = dropped.includes(pos) || (ownsAuthorization && name === 'authorization') || name.startsWith('x-b3-');
    if (!isOurs && !VOLATILE.has(name)) fields.push(`${name}:${head.text.slice(pos + name.length + 1, eol).trim()}\r\n`);
    pos = eol + 2;
  }
  return [Buffer.from(`${head.method} ${path}\r\n${fields.sort().join('')}\r\n`, 'latin1'), Buffer.concat(body)];
}
