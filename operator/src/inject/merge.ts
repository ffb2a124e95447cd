/** Writes a changed object back into the YAML document it was read from, so that comments, order and quoting of everything else stay. */
import { isMap, isScalar, isSeq, type Document, type Node, type YAMLMap, type YAMLSeq } from 'yaml';

type Plain = Record<string, unknown>;

const isObject = (value: unknown): value is Plain => typeof value === 'object' && value !== null && !Array.isArray(value);
const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

/** Lists of Kubernetes merge by name where their items have one. */
function itemName(value: unknown): unknown {
  return isObject(value) ? (value['name'] ?? value['mountPath']) : undefined;
}

function mergeMap(document: Document, node: YAMLMap, value: Plain): void {
  for (const pair of [...node.items]) {
    const key = isScalar(pair.key) ? String(pair.key.value) : String(pair.key);
    if (!(key in value)) node.delete(pair.key);
  }
  for (const [key, member] of Object.entries(value)) {
    const old = node.get(key, true) as Node | undefined;
    node.set(key, mergeNode(document, old, member));
  }
}

function mergeSeq(document: Document, node: YAMLSeq, value: unknown[]): void {
  const left = node.items.map((item) => ({ item: item as Node, plain: (item as Node).toJS(document) as unknown }));
  node.items = value.map((wanted) => {
    const name = itemName(wanted);
    const index = left.findIndex(({ plain }) => (name === undefined ? same(plain, wanted) : itemName(plain) === name));
    const [found] = index < 0 ? [] : left.splice(index, 1);
    return mergeNode(document, found?.item, wanted);
  });
}

function mergeNode(document: Document, node: Node | undefined, value: unknown): Node {
  if (isMap(node) && isObject(value)) mergeMap(document, node, value);
  else if (isSeq(node) && Array.isArray(value)) mergeSeq(document, node, value);
  else if (node === undefined || !same(node.toJS(document), value)) return document.createNode(value);
  return node;
}

/** Makes `node` of the document say what `value` says, touching only what differs. */
export function mergeInto(document: Document, node: YAMLMap, value: object): void {
  mergeMap(document, node, value as Plain);
}
