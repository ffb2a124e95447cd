/** What can still be read of a line that is not an event any more: enough to say which event it was. */

export interface Claimed {
  id?: string | undefined;
  stream?: string | undefined;
  seq?: number | undefined;
  prev?: string | undefined;
  hash?: string | undefined;
}

const UUID = '([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})';
// Each alone, so that one broken member does not take the others along. `seq` also is a member of `session`.
const PATTERNS = {
  id: [new RegExp(`"id":"${UUID}","integrity"`), new RegExp(`"id":"${UUID}"`)],
  hash: [/"hash":"([0-9a-f]{64})"/],
  prev: [/"prev":"([0-9a-f]{64})"/],
  seq: [/"seq":(\d{1,15}),"stream"/, /"prev":"[0-9a-f]{64}","seq":(\d{1,15})/],
  stream: [new RegExp(`"stream":"${UUID}"`)],
};

export function salvage(line: string): Claimed {
  const seq = first(PATTERNS.seq, line);
  return {
    id: first(PATTERNS.id, line),
    stream: first(PATTERNS.stream, line),
    seq: seq === undefined ? undefined : Number(seq),
    prev: first(PATTERNS.prev, line),
    hash: first(PATTERNS.hash, line),
  };
}

function first(patterns: readonly RegExp[], line: string): string | undefined {
  for (const pattern of patterns) {
    const match = pattern.exec(line);
    if (match) return match[1];
  }
  return undefined;
}
