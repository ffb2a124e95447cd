/**
 * A key under which statements that differ in plain numbers alone share their classification. A number decides nothing
 * in a query or a data change: not which tables, functions or columns are named. Where it could (SET, EXPLAIN, COPY),
 * or where the text needs more than a glance to be read, the key is the text itself.
 */
const KEYWORDS = ['select', 'insert', 'update', 'delete', 'with', 'values'];

const QUOTE = 39;
const DOUBLE_QUOTE = 34;
const DOLLAR = 36;
const DOT = 46;

export function classificationKey(sql: string): string {
  if (!beginsPlainly(sql)) return sql;
  const { length } = sql;
  let key = '';
  let copied = 0;
  let previous = 32;
  for (let at = 0; at < length; at++) {
    const code = sql.charCodeAt(at);
    if (code >= 48 && code <= 57 && !continuesName(previous)) {
      let end = at + 1;
      while (end < length && isDigit(sql.charCodeAt(end))) end++;
      const next = end < length ? sql.charCodeAt(end) : 32;
      // 1.5, 1e5, 0x1F, 1_000 and junk such as 1abc stay as they are, whole.
      if (previous !== DOT && next !== DOT && !continuesName(next)) {
        key += sql.slice(copied, at) + '0';
        copied = end;
      } else while (end < length && (continuesName(sql.charCodeAt(end)) || sql.charCodeAt(end) === DOT)) end++;
      at = end - 1;
      previous = 48;
      continue;
    }
    if (code === QUOTE || code === DOUBLE_QUOTE) {
      // E'', B'', U&'' and their like follow other rules.
      if (code === QUOTE && (continuesName(previous) || previous === 38)) return sql;
      at = sql.indexOf(code === QUOTE ? "'" : '"', at + 1);
      if (at < 0) return sql;
    } else if (code === DOLLAR) {
      if (!isDigit(sql.charCodeAt(at + 1)) || continuesName(previous)) return sql;
      while (isDigit(sql.charCodeAt(at + 1))) at++;
    } else if ((code === 45 && previous === 45) || (code === 42 && previous === 47)) return sql;
    else if (code === 59 && at < length - 1) return sql;
    previous = code;
  }
  return copied === 0 ? sql : key + sql.slice(copied);
}

function beginsPlainly(sql: string): boolean {
  const end = sql.indexOf(' ');
  if (end < 4 || end > 6) return false;
  const word = sql.slice(0, end);
  return KEYWORDS.includes(word) || KEYWORDS.includes(word.toLowerCase());
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}

/** Letters, digits, underscore, dollar and everything beyond ASCII. */
function continuesName(code: number): boolean {
  return (code >= 97 && code <= 122) || (code >= 65 && code <= 90) || isDigit(code) || code === 95 || code === DOLLAR || code > 127;
}
