/** Annotations of a pod template, typed and validated: a key of ours that we do not know is a mistake somebody should hear of. */
import { ANNOTATION_BYTES_LIMIT } from './limits.js';
import { AGENT_NAME } from './names.js';
import type { Problem } from './problem.js';

export const CAPTURES = ['transparent', 'explicit'] as const;
export type Capture = (typeof CAPTURES)[number];

export const LOG_LEVELS = ['error', 'warn', 'info', 'debug'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** The operator's signed reference to who created the workload; the sidecar presents it with its own token. */
export const GRANT_ANNOTATION = 'cairn.dev/grant';
/** Written by injection: the environment entries that it replaced, so that rendering again starts from what the user wrote. */
export const STATUS_ANNOTATION = 'cairn.dev/status';

export interface InjectAnnotations {
  inject?: boolean;
  policy?: string;
  agent?: string;
  capture?: Capture;
  cpu?: string;
  memory?: string;
  logLevel?: LogLevel;
}

const NAME = /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/;
/** Kubernetes quantities in the units that make sense for CPU and memory. */
const CPU = /^([1-9][0-9]*m|[0-9]+(\.[0-9]{1,3})?)$/;
const MEMORY = /^[1-9][0-9]*(Ki|Mi|Gi|k|M|G)?$/;

type Reader = (value: string) => Partial<InjectAnnotations> | string;

const matching =
  (pattern: RegExp, wants: string, pick: (value: string) => InjectAnnotations): Reader =>
  (value) =>
    pattern.test(value) ? pick(value) : wants;

const oneOf =
  <T extends string>(values: readonly T[], pick: (value: T) => InjectAnnotations): Reader =>
  (value) => {
    const found = values.find((each) => each === value);
    return found ? pick(found) : `must be ${values.map((each) => `"${each}"`).join(' or ')}`;
  };

const readers: Record<string, Reader> = {
  'cairn.dev/inject': oneOf(['true', 'false'], (value) => ({ inject: value === 'true' })),
  'cairn.dev/policy': matching(NAME, 'must be the name of an AuditPolicy', (policy) => ({ policy })),
  'cairn.dev/agent': matching(AGENT_NAME, 'must be lower-case letters, digits and dashes, at most 63', (agent) => ({ agent })),
  'cairn.dev/capture': oneOf(CAPTURES, (capture) => ({ capture })),
  'cairn.dev/sidecar-cpu': matching(CPU, 'must be a CPU quantity such as 100m or 0.5', (cpu) => ({ cpu })),
  'cairn.dev/sidecar-memory': matching(MEMORY, 'must be a memory quantity such as 128Mi', (memory) => ({ memory })),
  'cairn.dev/sidecar-log-level': oneOf(LOG_LEVELS, (logLevel) => ({ logLevel })),
  [GRANT_ANNOTATION]: () => ({}),
  [STATUS_ANNOTATION]: () => ({}),
};

/** Reads every `cairn.dev/` annotation. `path` is where they stand, for problems. */
export function readAnnotations(annotations: Record<string, string> | undefined, path: string, problems: Problem[]): InjectAnnotations {
  const result: InjectAnnotations = {};
  for (const [key, value] of Object.entries(annotations ?? {})) {
    if (!key.startsWith('cairn.dev/')) continue;
    const read = Object.hasOwn(readers, key) ? readers[key] : undefined;
    const at = `${path}["${key}"]`;
    if (!read) {
      problems.push({
        severity: 'error',
        code: 'unknown-annotation',
        path: at,
        message: `Unknown annotation; known are ${Object.keys(readers).join(', ')}.`,
      });
    } else if (Buffer.byteLength(value) > ANNOTATION_BYTES_LIMIT) {
      problems.push({ severity: 'error', code: 'invalid-annotation', path: at, message: `Longer than ${ANNOTATION_BYTES_LIMIT} bytes.` });
    } else {
      const outcome = read(value);
      if (typeof outcome === 'string')
        problems.push({ severity: 'error', code: 'invalid-annotation', path: at, message: `"${value}" ${outcome}.` });
      else Object.assign(result, outcome);
    }
  }
  return result;
}
