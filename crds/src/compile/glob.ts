/**
 * Globs over resources. `*` stays within one segment between `/` and `.`, `**` does not; `**.` or `**` + `/` at the
 * beginning of a segment also stands for nothing, so that `**.customers` is that table in any schema and without one.
 * Matching takes time linear in pattern times text whatever an agent writes, so there are no regular expressions.
 */
type Token =
  | { kind: 'text'; code: number }
  /** `*` */
  | { kind: 'within' }
  /** `**` */
  | { kind: 'across' }
  /** `**` and a separator: whole segments, or nothing. */
  | { kind: 'segments'; separator: number };

export type Glob = (text: string) => boolean;

const SLASH = 0x2f;
const DOT = 0x2e;

function isSeparator(code: number): boolean {
  return code === SLASH || code === DOT;
}

function tokens(pattern: string): Token[] {
  const result: Token[] = [];
  for (let i = 0; i < pattern.length; i++) {
    if (pattern[i] !== '*') {
      result.push({ kind: 'text', code: pattern.charCodeAt(i) });
    } else if (pattern[i + 1] !== '*') {
      result.push({ kind: 'within' });
    } else {
      const begins = i === 0 || isSeparator(pattern.charCodeAt(i - 1));
      while (pattern[i + 1] === '*') i++;
      const next = pattern.charCodeAt(i + 1);
      if (begins && isSeparator(next)) {
        result.push({ kind: 'segments', separator: next });
        i++;
      } else result.push({ kind: 'across' });
    }
  }
  return result;
}

/** The set of tokens that may come next, moved on by one character at a time (Thompson's construction). */
function simulation(pattern: readonly Token[]): Glob {
  const count = pattern.length;
  // Bit 0: the token may begin here. Bit 1: inside `segments`, which ends only after its separator.
  let now = new Uint8Array(count + 1);
  let next = new Uint8Array(count + 1);
  const enter = (set: Uint8Array, index: number): void => {
    for (let i = index; ; i++) {
      if (i === count || pattern[i]!.kind === 'text') {
        set[i]! |= 1;
        return;
      }
      set[i]! |= 1;
    }
  };
  return (text) => {
    now.fill(0);
    enter(now, 0);
    for (let at = 0; at < text.length; at++) {
      const code = text.charCodeAt(at);
      next.fill(0);
      for (let i = 0; i < count; i++) {
        if (now[i] === 0) continue;
        const token = pattern[i]!;
        switch (token.kind) {
          case 'text':
            if (token.code === code) enter(next, i + 1);
            break;
          case 'within':
            if (!isSeparator(code)) enter(next, i);
            break;
          case 'across':
            enter(next, i);
            break;
          case 'segments':
            next[i]! |= 2;
            if (token.separator === code) enter(next, i + 1);
            break;
        }
      }
      [now, next] = [next, now];
    }
    return (now[count]! & 1) === 1;
  };
}

function hasSeparator(text: string, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if (isSeparator(text.charCodeAt(i))) return true;
  return false;
}

/** A matcher for one pattern; the common forms (no wildcard, one wildcard) cost a comparison or two. */
export function compileGlob(pattern: string): Glob {
  const parts = tokens(pattern);
  const wild = parts.filter((token) => token.kind !== 'text');
  if (wild.length === 0) return (text) => text === pattern;
  if (wild.length > 1 || wild[0]!.kind === 'segments') return simulation(parts);
  const crossing = wild[0]!.kind === 'across';
  const prefix = pattern.slice(0, pattern.indexOf('*'));
  const suffix = pattern.slice(pattern.lastIndexOf('*') + 1);
  const least = prefix.length + suffix.length;
  return (text) => {
    if (text.length < least || !text.startsWith(prefix) || !text.endsWith(suffix)) return false;
    return crossing || !hasSeparator(text, prefix.length, text.length - suffix.length);
  };
}
