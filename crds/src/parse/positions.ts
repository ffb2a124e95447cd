/** Where in a YAML text a path of the parsed document stands. */
import type { Document, LineCounter, Node, Pair } from 'yaml';
import type { Path } from '../check/finding.js';

export interface Place {
  line: number;
  column: number;
}

type Ranged = { range?: [number, number, number] | null };

/** What of the yaml library is needed; handed in, because it is loaded at first use. */
export interface NodeKinds {
  isMap(node: unknown): node is { items: Pair[] } & Node;
  isSeq(node: unknown): node is { items: unknown[] } & Node;
  isAlias(node: unknown): node is { resolve(document: Document): Node | undefined } & Node;
}

function offsetOf(node: unknown): number | undefined {
  return (node as Ranged | null)?.range?.[0];
}

/** The name of a field; empty for a key that is none. */
export function keyText(key: unknown): string {
  const value = (key as { value?: unknown } | null)?.value;
  return typeof value === 'string' ? value : '';
}

/** The place of `path`, or of the deepest part of it that exists. */
export function placeOf(document: Document, counter: LineCounter, kinds: NodeKinds, path: Path, atKey: boolean): Place {
  let node: unknown = document.contents;
  let offset = offsetOf(node) ?? document.range?.[0] ?? 0;
  for (const [index, part] of path.entries()) {
    if (kinds.isAlias(node)) node = node.resolve(document);
    if (kinds.isSeq(node) && typeof part === 'number') {
      node = node.items[part];
      offset = offsetOf(node) ?? offset;
    } else if (kinds.isMap(node)) {
      const pair = node.items.find(({ key }) => keyText(key) === String(part));
      if (!pair) break;
      node = pair.value;
      const last = index === path.length - 1;
      offset = (last && atKey ? offsetOf(pair.key) : (offsetOf(pair.value) ?? offsetOf(pair.key))) ?? offset;
    } else break;
  }
  const { line, col } = counter.linePos(offset);
  return { line, column: col };
}
