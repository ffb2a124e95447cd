/** What a sidecar is to run by. Pure. */
import { createHash } from 'node:crypto';
import type { AuditPolicy, Bundle, IdentityProvider } from '@cairn/crds';

export interface BundleParts {
  policy: AuditPolicy;
  providers: readonly IdentityProvider[];
  tokenService: Bundle['tokenService'];
  auditorKey: Bundle['auditorKey'];
}

/** The policy's own providers, or all where it names none. The version is a hash of the content: the same on every replica. */
export function bundleOf({ policy, providers, tokenService, auditorKey }: BundleParts): Bundle {
  const names = policy.spec.identity.providers;
  const accepted = providers.filter(({ metadata }) => names.length === 0 || names.includes(metadata.name));
  const content = { policies: [policy], providers: accepted, tokenService, ...(auditorKey ? { auditorKey } : {}) };
  return { version: createHash('sha256').update(JSON.stringify(content)).digest('hex'), ...content };
}
