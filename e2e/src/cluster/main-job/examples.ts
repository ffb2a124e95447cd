/** The manifests of examples/, as a user applies them, with what is this cluster's own put in. */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Cluster } from '../../harness/cluster/index.js';

const EXAMPLES = new URL('../../../../examples/', import.meta.url);

/** A file of examples/. */
export const exampleFile = (path: string): string => fileURLToPath(new URL(path, EXAMPLES));

/** What stands in examples for the reader's own: the issuer of their people, the images of their registry. */
export type Own = Readonly<Record<string, string>>;

async function manifest(path: string, own: Own): Promise<string> {
  const text = await readFile(exampleFile(path), 'utf8');
  return Object.entries(own).reduce((said, [theirs, ours]) => said.replaceAll(theirs, ours), text);
}

/** Applies files of examples/, in order. */
export async function applyExamples(cluster: Cluster, paths: readonly string[], own: Own = {}): Promise<void> {
  for (const path of paths) await cluster.kubectl(['apply', '-f', '-'], { input: await manifest(path, own) });
}
