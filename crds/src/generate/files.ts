/** What is generated from the schemas, with the place of each file. */
import { fileURLToPath } from 'node:url';
import { AUDIT_POLICY, IDENTITY_PROVIDER, RESOURCES } from '../schema/resources.js';
import { manifest } from './crd.js';
import { reference } from './reference.js';

/** Files of the repository; `path` is absolute. */
export function generatedFiles(): { path: string; text: string }[] {
  const at = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));
  // A chart reads its own files alone, and follows no links out of its folder.
  const folders = ['../../manifests', '../../../charts/cairn/files/crds'];
  const manifests = folders.flatMap((folder) => RESOURCES.map(manifest).map(({ file, text }) => ({ path: at(`${folder}/${file}`), text })));
  return [...manifests, { path: at('../../../docs/policy-reference.md'), text: reference([AUDIT_POLICY, IDENTITY_PROVIDER]) }];
}
