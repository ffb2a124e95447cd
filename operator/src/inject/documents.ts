/** Injection over YAML as people keep it: several documents a file, Lists, comments. */
import { isMap, isSeq, parseAllDocuments, type Document, type YAMLMap } from 'yaml';
import { inject, type InjectContext } from './inject.js';
import { mergeInto } from './merge.js';
import type { Problem, SkipReason } from './problem.js';
import type { KubernetesObject } from './workload.js';

/** What became of one object of a file. */
export interface DocumentOutcome {
  kind: string;
  name: string;
  /** Line of the object in the file, from 1. */
  line: number;
  skipped?: SkipReason;
  problems: Problem[];
}

export class ManifestError extends Error {
  constructor(
    readonly code: 'syntax',
    message: string,
  ) {
    super(message);
    this.name = 'ManifestError';
  }
}

const lineAt = (text: string, offset: number): number => text.slice(0, offset).split('\n').length;

/** Nodes of a document that are objects of Kubernetes: itself, or the items of a List. */
function objectsOf(document: Document): YAMLMap[] {
  const root = document.contents;
  if (!isMap(root)) return [];
  const items = root.get('kind') === 'List' ? root.get('items', true) : undefined;
  return isSeq(items) ? items.items.filter((item) => isMap(item)) : [root];
}

function injectNode(document: Document, node: YAMLMap, text: string, context: InjectContext): DocumentOutcome {
  const object = node.toJS(document) as KubernetesObject;
  const result = inject(object, context);
  if (result.object !== object) mergeInto(document, node, result.object);
  return {
    kind: object.kind ?? '',
    name: object.metadata?.name ?? object.metadata?.generateName ?? '',
    line: lineAt(text, node.range?.[0] ?? 0),
    ...(result.skipped ? { skipped: result.skipped } : {}),
    problems: result.problems,
  };
}

/** Injects every workload of a YAML file. `file` names it in errors. Throws ManifestError where it is not YAML. */
export function injectYaml(text: string, context: InjectContext, file: string): { yaml: string; outcomes: DocumentOutcome[] } {
  const documents = parseAllDocuments(text);
  const list: Document[] = Array.isArray(documents) ? documents : [];
  const outcomes: DocumentOutcome[] = [];
  for (const document of list) {
    const error = document.errors[0];
    if (error) throw new ManifestError('syntax', `${file}:${lineAt(text, error.pos[0])}: ${error.message.split('\n')[0] ?? 'not YAML'}`);
    for (const node of objectsOf(document)) outcomes.push(injectNode(document, node, text, context));
  }
  return { yaml: print(list), outcomes };
}

/** A document prints `---` of its own only where it has directives or said so; the others need one between them. */
function print(documents: readonly Document[]): string {
  return documents
    .map((document, index) => {
      const printed = document.toString({ lineWidth: 0 });
      return index === 0 || printed.startsWith('---') ? printed : `---\n${printed}`;
    })
    .join('');
}
