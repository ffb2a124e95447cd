/** What a reader of answers says in the end, whatever they came in. */
import type { Result } from '../http/dialect.js';

/** Without what is undefined. */
export function counted(rows: number | undefined, resourceVersion: string | undefined): Result {
  return { ...(rows === undefined ? {} : { rows }), ...(resourceVersion === undefined ? {} : { resourceVersion }) };
}
