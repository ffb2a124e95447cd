/** Fills in what users left out: the schema's own defaults, by the API server's rules, and the few that depend on other fields. */
import type { AuditPolicy, IdentityProvider, Protocol, Target } from '../types.js';
import { KUBERNETES_HOSTS, KUBERNETES_PORT } from './kubernetes.js';
import { AUDIT_POLICY, IDENTITY_PROVIDER } from './resources.js';
import type { Schema } from './structural.js';

type Fields = Record<string, unknown>;

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A copy of `value` with every default below it. */
export function withDefaults(schema: Schema, value: unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => (schema.items ? withDefaults(schema.items, item) : item));
  if (!isFields(value)) return value;
  const result: Fields = { ...value };
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    const given = result[name] ?? structuredClone(property.default);
    if (given !== undefined) result[name] = withDefaults(property, given);
  }
  return result;
}

const TLS_MODE: Record<Protocol, (port: number) => Target['tls']['mode']> = {
  http: (port) => (port === 443 ? 'Require' : 'Disable'),
  postgres: () => 'Prefer',
  kubernetes: () => 'Require',
};

/** Hosts and port that are missing elsewhere stay empty: a rule of the schema says so. */
function completeTarget(target: Partial<Pick<Target, 'hosts' | 'port'>> & Omit<Target, 'hosts' | 'port'>): void {
  const isKubernetes = target.protocol === 'kubernetes';
  target.hosts ??= isKubernetes ? [...KUBERNETES_HOSTS] : [];
  target.port ??= isKubernetes ? KUBERNETES_PORT : 0;
  target.tls.mode ??= TLS_MODE[target.protocol](target.port);
}

/** A complete policy from one that passed the shape check. The argument stays as it is. */
export function completePolicy(policy: unknown): AuditPolicy {
  const object = policy as AuditPolicy;
  const complete: AuditPolicy = { ...object, spec: withDefaults(AUDIT_POLICY.spec, object.spec ?? {}) as AuditPolicy['spec'] };
  complete.spec.targets.forEach(completeTarget);
  return complete;
}

/** A complete provider from one that passed the shape check. The argument stays as it is. */
export function completeProvider(provider: unknown): IdentityProvider {
  const object = provider as IdentityProvider;
  return { ...object, spec: withDefaults(IDENTITY_PROVIDER.spec, object.spec) as IdentityProvider['spec'] };
}
