/** Fields of a head by name, where few heads are asked for them. */
import { type RequestHead, type ResponseHead, value } from './head.js';

type Head = RequestHead | ResponseHead;

function* linesOf(head: Head): Generator<{ name: string; start: number; colon: number; eol: number }> {
  const { text } = head;
  for (let start = head.fields; start < text.length - 2;) {
    const eol = text.indexOf('\r\n', start);
    const colon = text.indexOf(':', start);
    yield { name: text.slice(start, colon).toLowerCase(), start, colon, eol };
    start = eol + 2;
  }
}

/** Values of every field of this name (lower case), in order. */
export function valuesOf(head: Head, name: string): string[] {
  const values: string[] = [];
  for (const line of linesOf(head)) if (line.name === name) values.push(value(head.text, line.colon, line.eol));
  return values;
}

/** Field lines whose name (lower case) is dropped: start, end, ... */
export function linesNamed(head: RequestHead, drops: (name: string) => boolean): number[] {
  const lines: number[] = [];
  for (const line of linesOf(head)) if (drops(line.name)) lines.push(line.start, line.eol + 2);
  return lines;
}
