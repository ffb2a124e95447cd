/** Ways around a sidecar: what is tried, in which namespaces, and what is told of it. */
export { Arena } from './arena.js';
export type { Outcome } from './outcome.js';
export { otherThan, tableOf, VARIANTS, withTable, type Row, type Variant } from './table.js';
