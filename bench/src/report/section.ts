/** What one benchmark hands back. */
import type { Row } from './row.js';

export interface Section {
  title: string;
  /** Sentences above the table: how it was measured, and what was not reached. */
  notes: string[];
  rows: Row[];
}
