import type { OperatorContext } from '../context.js';

/** Resolves, once the part runs, to what stops it. */
export type Part = (context: OperatorContext) => Promise<() => Promise<void>>;
