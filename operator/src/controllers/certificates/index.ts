/** Certificates of the operator's servers: renewed, rotated with overlap, and their CA brought to all who are to trust it. */
import type { LeaderController, Leading } from '../leading.js';
import { certificatesController } from './act.js';

export { certificatesController } from './act.js';
export { certificateCaches } from './gather.js';
export { issueAuthority, issueForKey } from './issue.js';

export function certificates({ context, client }: Leading): LeaderController {
  const { config, caches, serving, log } = context;
  const { namespaces, copies, mutating, validating } = caches;
  const view = { namespaces, copies, mutating, validating };
  return certificatesController({ client, namespace: config.namespace, ...serving.terms, view, secrets: serving.secrets, log });
}
