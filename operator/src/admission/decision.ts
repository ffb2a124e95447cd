/** Answers in words: problems of injection and refusals of lineage as decisions. */
import { skipSentence, type Problem, type SkipReason } from '../inject/index.js';
import type { Decision } from './review.js';

const sentence = ({ path, message }: Problem): string => `${path}: ${message}`;

export function warningsOf(problems: readonly Problem[]): string[] {
  return problems.filter(({ severity }) => severity === 'warning').map((each) => `cairn: ${sentence(each)} (${each.code})`);
}

/** The refusal of what has errors; undefined where there is none. */
export function refusalOf(problems: readonly Problem[]): Decision | undefined {
  const errors = problems.filter(({ severity }) => severity === 'error');
  const [first] = errors;
  if (!first) return undefined;
  return { allowed: false, code: first.code, message: errors.map(sentence).join(' '), warnings: warningsOf(problems) };
}

/** Nothing to do. `code` says why, for metrics. */
export function passed(code: string, warnings: readonly string[] = []): Decision {
  return { allowed: true, patch: [], warnings, code };
}

export function skippedFor(reason: SkipReason): Decision {
  return passed(reason, [`cairn: no sidecar. ${skipSentence(reason)} (${reason})`]);
}

export function refused(code: string, message: string): Decision {
  return { allowed: false, code, message, warnings: [] };
}
