/** What an agent says of the request that it serves, in a SQL comment (sqlcommenter: traceparent and cairn_context). */
import type { AttributionHint } from '../../attribute/attribution.js';

const NONE: AttributionHint = Object.freeze({});
const PAIR = /(traceparent|cairn_context)\s*=\s*'([^']{1,512})'/g;

/** Found only inside a comment, so that a value in the data cannot pose as one. */
export function attributionHint(sql: string): AttributionHint {
  const open = sql.indexOf('/*');
  if (open < 0) return NONE;
  const comments = sql.match(/\/\*[\s\S]*?\*\//g) ?? [];
  const hint: { handle?: string; traceparent?: string } = {};
  for (const comment of comments.slice(0, 8)) {
    for (const [, name, value] of comment.matchAll(PAIR)) {
      const plain = decoded(value!);
      if (name === 'traceparent') hint.traceparent = plain;
      else hint.handle = plain;
    }
  }
  return hint;
}

function decoded(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}
