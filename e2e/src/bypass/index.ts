/** Ways around a sidecar: what is tried, in which namespaces, and what is told of it. */
export { Arena } from './arena.js';
export { VARIANTS, type Variant } from './attempt.js';
export type { Outcome } from './outcome.js';
export { otherThan, tableOf, withTable, type Row } from './table.js';
