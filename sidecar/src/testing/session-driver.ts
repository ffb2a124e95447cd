/**
 * Drives a protocol session without sockets: an in-memory SessionContext whose Wire and recorder keep what happened.
 * For tests of sessions byte by byte; real sockets and real clients are tested in e2e.
 */
import { createHash } from 'node:crypto';
import type { EvidenceError } from '@cairn/audit';
import type { CompiledPolicy, Operation, Target, Verdict } from '@cairn/crds';
import type { Attribution, AttributionHint } from '../attribute/attribution.js';
import type { TargetCredential } from '../credentials/credential.js';
import type { HoldOutcome, HoldRequest } from '../guard/guard.js';
import type { Session, SessionContext, TargetTls, Wire } from '../protocols/protocol.js';
import type { BodyCapture, Completion, Exchange, Intent, SessionRecorder } from '../record/exchange.js';

const ALLOW: Verdict = Object.freeze({ action: 'Allow', policy: 'test', level: 'RequestResponse', delivery: 'Durable', mask: [] });

/** Held by the pod's own containers. */
export const SESSION_TOKEN = 'cairn-session-test';

export interface DriverOptions {
  target: Target;
  credential?: TargetCredential;
  attribute?: (hint: AttributionHint) => Attribution;
  /** What the policy says of the operations of one message (undefined: unparsed). Default: allow, RequestResponse. */
  decide?: (operations: readonly Operation[] | undefined, attribution: Attribution) => Verdict;
  policy?: CompiledPolicy;
  hold?: (request: HoldRequest) => Promise<HoldOutcome>;
  /** Resolves Strict delivery; default at once. */
  delivered?: () => Promise<void>;
  connect?: () => Promise<void>;
  /** Milliseconds; default always 0. */
  now?: () => number;
  targetTls?: TargetTls;
  reroute?: (bytes: Uint8Array) => void;
  refer?: (launch: string) => string;
}

/** One exchange as it was recorded. */
export interface RecordedExchange {
  id: string;
  intent: Intent;
  outcome?: HoldOutcome;
  completion?: Completion;
}

export interface Driver {
  readonly context: SessionContext;
  readonly exchanges: RecordedExchange[];
  /** Sealed plaintext of every body in order of finish(). */
  readonly payloads: { type: string; bytes: Buffer }[];
  /** Everything sent so far, and forgets it. */
  takeAgent(): Buffer;
  takeTarget(): Buffer;
  readonly events: string[];
  refusing: EvidenceError | undefined;
  /** The session's deadline as it stands. */
  deadline: { after: number; expired: () => void } | undefined;
  /** Lets promise callbacks run. */
  settle(): Promise<void>;
  attach(session: Session): void;
}

/** An in-memory context for one session; attach the session that was opened over `context`. */
export function createDriver(options: DriverOptions): Driver {
  const events: string[] = [];
  const exchanges: RecordedExchange[] = [];
  const payloads: { type: string; bytes: Buffer }[] = [];
  const sent = { agent: [] as Uint8Array[], target: [] as Uint8Array[] };
  let session: Session | undefined;
  const wire: Wire = {
    toAgent: (bytes) => void sent.agent.push(Buffer.from(bytes)),
    toTarget: (bytes) => void sent.target.push(Buffer.from(bytes)),
    pauseAgent: () => void events.push('pauseAgent'),
    resumeAgent: () => void events.push('resumeAgent'),
    pauseTarget: () => void events.push('pauseTarget'),
    resumeTarget: () => void events.push('resumeTarget'),
    connectTarget: () => (events.push('connectTarget'), options.connect?.() ?? Promise.resolve()),
    secureTarget: () => (
      events.push('secureTarget'),
      Promise.resolve(options.targetTls ?? { alpn: undefined, peerCertificate: Buffer.alloc(0) })
    ),
    secureAgent: () => (events.push('secureAgent'), Promise.resolve({ servername: undefined, alpn: undefined })),
    endAgent: () => void events.push('endAgent'),
    endTarget: () => void events.push('endTarget'),
    destroy: (reason) => (events.push(`destroy ${reason}`), session?.closed()),
    reroute: options.reroute,
    deadline: (deadline) => void (driver.deadline = deadline),
    afterFlush: (callback) => queueMicrotask(callback),
  };
  const take = (side: 'agent' | 'target'): Buffer => Buffer.concat(sent[side].splice(0));
  const driver: Driver = {
    context: undefined as unknown as SessionContext,
    exchanges,
    payloads,
    events,
    refusing: undefined,
    deadline: undefined,
    takeAgent: () => take('agent'),
    takeTarget: () => take('target'),
    settle: () => new Promise((resolve) => setImmediate(resolve)),
    attach: (attached) => void (session = attached),
  };
  const record = memoryRecorder(driver, exchanges, payloads, options);
  const nobody: Attribution = { method: 'none', identity: undefined, token: undefined, candidates: undefined, cause: undefined };
  const context: SessionContext = {
    id: 'session-1',
    target: options.target,
    host: options.target.hosts[0] ?? 'target',
    port: options.target.port,
    policy: () => options.policy as CompiledPolicy,
    wire,
    credential: () => options.credential ?? { kind: 'none' },
    now: options.now ?? (() => 0),
    isSessionToken: (bearer) => bearer === SESSION_TOKEN,
    attribute: options.attribute ?? (() => nobody),
    decide: options.decide ?? (() => ALLOW),
    record,
    guard: {
      hold: options.hold ?? (() => Promise.resolve({ state: 'approved', id: 'approval-1', approvers: ['bob'], message: 'approved' })),
    },
    refer: options.refer,
    aside: (initial) => void events.push(`aside ${initial.toString('hex')}`),
    log: (message) => void events.push(`log ${message}`),
  };
  return Object.assign(driver, { context });
}

function memoryRecorder(
  driver: Driver,
  exchanges: RecordedExchange[],
  payloads: Driver['payloads'],
  options: DriverOptions,
): SessionRecorder {
  return {
    get refusing() {
      return driver.refusing;
    },
    intent(intent) {
      const recorded: RecordedExchange = { id: `event-${exchanges.length + 1}`, intent };
      exchanges.push(recorded);
      const exchange: Exchange = {
        id: recorded.id,
        decided: (outcome) => void (recorded.outcome = outcome),
        complete(completion) {
          if (recorded.completion) throw new Error(`${recorded.id} was completed twice`);
          recorded.completion = completion;
        },
        delivered: options.delivered ?? (() => Promise.resolve()),
      };
      return exchange;
    },
    body: ({ keep, maxBytes, type }) => memoryBody(keep, maxBytes, type, payloads),
  };
}

function memoryBody(keep: boolean, maxBytes: number, type: string, payloads: Driver['payloads']): BodyCapture {
  const hash = createHash('sha256');
  const kept: Uint8Array[] = [];
  let size = 0;
  let held = 0;
  const addChanged = (original: Uint8Array, forwarded: Uint8Array): void => {
    hash.update(forwarded);
    size += forwarded.length;
    if (!keep || held >= maxBytes) return;
    kept.push(Buffer.from(original.subarray(0, maxBytes - held)));
    held += Math.min(original.length, maxBytes - held);
  };
  return {
    add: (chunk) => addChanged(chunk, chunk),
    addChanged,
    finish() {
      if (held > 0) payloads.push({ type, bytes: Buffer.concat(kept) });
      return size === 0 ? { size } : { size, sha256: hash.digest('hex'), ...(keep && size > maxBytes ? { truncated: true } : {}) };
    },
  };
}
