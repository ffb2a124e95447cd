/** What came of an attempt. Pure: a broken client is told apart from a refusal, or everything would read as blocked. */
import type { Attempt, Server } from './attempt.js';

/** What probe.py tells of one attempt. */
export interface ProbeResult {
  id: string;
  said: string;
  errno?: string;
  timedOut: boolean;
  code: number;
  broken?: string;
}

/** What a server of the suite heard. */
export interface Hit {
  server: Server;
  marker: string;
  via: string;
  text: string;
  sni?: string;
}

/** `mended`: what was asked was done, without what would have made it a way around. */
export type Outcome = 'reached' | 'refused' | 'timed out' | 'mended' | 'broken client';

/** Errors by which a kernel says no. EAFNOSUPPORT or ENOENT would be a test that tries nothing. */
const REFUSING = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPERM', 'EACCES', 'EHOSTUNREACH', 'ENETUNREACH', 'EPIPE']);

/** In words: of the sidecar, the API server, the kernel, and the clients that tell of them. */
const REFUSED_IN_WORDS = [
  /urn:cairn:problem|cairn\.dev\/problems\//,
  /"kind": ?"Status"/,
  /Error from server|[Ff]orbidden|denied the request|is denied|Unauthorized|must be logged in/,
  /errno E(PERM|ACCES|CONNREFUSED|CONNRESET|HOSTUNREACH|NETUNREACH)/,
  /Operation not permitted|Permission denied|Connection (refused|reset)|Empty reply|No route to host/,
  /curl: \((6|7|35|52|56)\)/,
  /no process of the sidecar is seen|nothing found|stays user \d+/,
  /rcode [1-9]|answers 0|^closed$/,
];
/** The sidecar let the attempt pass, and lost its way: that stops nobody. */
const FAILED_IN_WORDS = /problems\/target-(?!timeout)|nobody was ever down/;
const TIMED_OUT_IN_WORDS = /curl: \(28\)|timed out|errno ETIMEDOUT|problems\/target-timeout/;

function isHeard({ reached }: Attempt, hit: Hit): boolean {
  return reached.kind === 'server' && hit.server === reached.server && (reached.saying?.test(`${hit.text}\n"sni":"${hit.sni}"`) ?? true);
}

/** `hits` are those that bear the attempt's marker. */
export function outcomeOf(attempt: Attempt, result: ProbeResult, hits: readonly Hit[]): Outcome {
  const { reached } = attempt;
  if (hits.some((hit) => isHeard(attempt, hit))) return 'reached';
  if (reached.kind === 'output' && reached.pattern.test(result.said)) return 'reached';
  if (result.broken !== undefined || FAILED_IN_WORDS.test(result.said)) return 'broken client';
  if (result.timedOut || TIMED_OUT_IN_WORDS.test(result.said)) return 'timed out';
  if (result.errno !== undefined) return REFUSING.has(result.errno) ? 'refused' : 'broken client';
  if (REFUSED_IN_WORDS.some((words) => words.test(result.said))) return 'refused';
  if (hits.length > 0 || /^MENDED/m.test(result.said)) return 'mended';
  // The connection was closed without a word, or a search ended without a find.
  return result.said.trim() === '' ? 'refused' : 'broken client';
}
