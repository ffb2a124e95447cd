/** Trees in text. */
export interface TextTree {
  text: string;
  children: TextTree[];
}

/** Lines of a tree; the root without a branch. */
export function treeLines(tree: TextTree): string[] {
  return [tree.text, ...tree.children.flatMap((child, index) => branchLines(child, index === tree.children.length - 1))];
}

function branchLines(tree: TextTree, last: boolean): string[] {
  const [first = '', ...rest] = treeLines(tree);
  return [`${last ? '└─' : '├─'} ${first}`, ...rest.map((line) => `${last ? '  ' : '│ '} ${line}`)];
}
