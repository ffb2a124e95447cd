/** What a sidecar is to run by. Pure. */
import { createHash } from 'node:crypto';
import type { AuditPolicy, Bundle, IdentityProvider } from '@cairn/crds';

export interface BundleParts {
  policy: AuditPolicy;
  providers: readonly IdentityProvider[];
  tokenService: Bundle['tokenService'];
  auditorKey: Bundle['auditorKey'];
  gateway?: Bundle['gateway'] | undefined;
}

/** The policy's own providers, or all where it names none. The version is a hash of the content: the same on every replica. */
export function bundleOf({ policy, providers, tokenService, auditorKey, gateway }: BundleParts): Bundle {
  const names = policy.spec.identity.providers;
  const accepted = providers.filter(({ metadata }) => names.length === 0 || names.includes(metadata.name));
  const handsOver = policy.spec.egress === 'Gateway' && gateway !== undefined;
  return versioned({
    policies: [policy],
    providers: accepted,
    tokenService,
    ...(auditorKey ? { auditorKey } : {}),
    ...(handsOver ? { gateway } : {}),
  });
}

/** What the gateway runs by: every policy whose connections are handed over to it. */
export function gatewayBundle(
  policies: readonly AuditPolicy[],
  { tokenService, auditorKey }: Omit<BundleParts, 'policy' | 'providers'>,
): Bundle {
  const key = ({ metadata }: AuditPolicy): string => `${metadata.namespace}/${metadata.name}`;
  const handedOver = policies.filter(({ spec }) => spec.egress === 'Gateway').toSorted((a, b) => key(a).localeCompare(key(b)));
  return versioned({ policies: handedOver, providers: [], tokenService, ...(auditorKey ? { auditorKey } : {}) });
}

function versioned(content: Omit<Bundle, 'version'>): Bundle {
  return { version: createHash('sha256').update(JSON.stringify(content)).digest('hex'), ...content };
}
