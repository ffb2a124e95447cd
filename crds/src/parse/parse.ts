/** Text of policies and providers -> objects with every default, and every problem with its place. */
import { checkCelRules } from '../check/cel-rules.js';
import { pathText, type Finding, type Problem } from '../check/finding.js';
import { checkPolicy } from '../check/semantics.js';
import { checkShape, resourceShape } from '../check/shape.js';
import { suggestion } from '../check/suggest.js';
import { SAID_PRECISELY } from '../schema/audit-policy.js';
import { completePolicy, completeProvider } from '../schema/defaults.js';
import { AUDIT_POLICY, IDENTITY_PROVIDER, RESOURCES, type CustomResource } from '../schema/resources.js';
import { API_GROUP, API_VERSION, type AuditPolicy, type IdentityProvider } from '../types.js';
import { readDocuments } from './documents.js';

export interface ParsedPolicies {
  /** Complete policies without problems. */
  policies: AuditPolicy[];
  /** Complete providers without problems. */
  providers: IdentityProvider[];
  /** In order of place. */
  problems: Problem[];
}

/** A CEL rule may repeat in general terms what an own check says with the exact place: the exact one is kept. */
function checkMeaning(policy: AuditPolicy): Finding[] {
  const own = checkPolicy(policy);
  const codes = new Set<string>(own.map(({ code }) => code));
  const said = [...SAID_PRECISELY].filter(([, code]) => codes.has(code)).map(([rule]) => rule);
  return [...own, ...checkCelRules(AUDIT_POLICY.spec, policy.spec, ['spec'], new Set(said))];
}

function checkKind(value: unknown): { resource: CustomResource } | { findings: Finding[] } | undefined {
  const { apiVersion, kind } = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>;
  if (typeof apiVersion !== 'string' || typeof kind !== 'string') {
    const message = `the document lacks apiVersion or kind; begin with apiVersion: ${API_VERSION} and kind: AuditPolicy.`;
    return { findings: [{ code: 'missing-field', path: [], message }] };
  }
  const kinds = RESOURCES.map((resource) => resource.kind);
  const resource = RESOURCES.find((each) => each.kind === kind);
  const ours = apiVersion.split('/')[0] === API_GROUP;
  if (!ours && !resource) return undefined;
  if (apiVersion !== API_VERSION) {
    return {
      findings: [{ code: 'unknown-kind', path: ['apiVersion'], message: `apiVersion must be ${API_VERSION} for ${kind.slice(0, 40)}.` }],
    };
  }
  if (!resource)
    return {
      findings: [
        { code: 'unknown-kind', path: ['kind'], message: `${API_GROUP} has no kind ${kind.slice(0, 40)}.${suggestion(kind, kinds)}` },
      ],
    };
  return { resource };
}

class Collector {
  readonly policies: AuditPolicy[] = [];
  readonly providers: IdentityProvider[] = [];
  readonly #seen = new Set<string>();

  /** Keeps what is faultless, says what is wrong with the rest. */
  take(value: unknown): Finding[] {
    const kind = checkKind(value);
    if (!kind) return [];
    if ('findings' in kind) return kind.findings;
    const { resource } = kind;
    if (resource !== AUDIT_POLICY && resource !== IDENTITY_PROVIDER) return [];
    const shape = checkShape(resourceShape(resource), value);
    if (shape.length > 0) return shape;
    return resource === AUDIT_POLICY ? this.#policy(completePolicy(value)) : this.#provider(completeProvider(value));
  }

  #policy(policy: AuditPolicy): Finding[] {
    const { name, namespace = 'default' } = policy.metadata;
    const findings = [...this.#repeated(`AuditPolicy ${namespace}/${name}`), ...checkMeaning(policy)];
    if (findings.length === 0) this.policies.push(policy);
    return findings;
  }

  #provider(provider: IdentityProvider): Finding[] {
    const rules = checkCelRules(IDENTITY_PROVIDER.spec, provider.spec, ['spec']);
    const findings = [...this.#repeated(`IdentityProvider ${provider.metadata.name}`), ...rules];
    if (findings.length === 0) this.providers.push(provider);
    return findings;
  }

  #repeated(name: string): Finding[] {
    if (this.#seen.has(name))
      return [{ code: 'duplicate', path: ['metadata', 'name'], message: `${name} stands in this file already; rename one.` }];
    this.#seen.add(name);
    return [];
  }
}

/**
 * Reads every AuditPolicy and IdentityProvider of a YAML (or JSON) text; documents of other API groups are passed over.
 * Never throws: whatever is wrong is a problem with file, line, column and a sentence.
 */
export function parsePolicies(text: string, file: string): ParsedPolicies {
  const collector = new Collector();
  const problems = readDocuments(text, file, (value) => collector.take(value));
  return { policies: collector.policies, providers: collector.providers, problems };
}

/** A resource as the API server holds it, complete; or what is wrong with it. */
export interface ReadResource {
  policy?: AuditPolicy;
  provider?: IdentityProvider;
  problems: Pick<Problem, 'code' | 'path' | 'message'>[];
}

/** Reads one AuditPolicy or IdentityProvider that is an object already. Never throws. */
export function readResource(value: unknown): ReadResource {
  const collector = new Collector();
  const problems = collector.take(value).map(({ code, path, message }) => ({ code, path: pathText(path), message }));
  const [policy, provider] = [collector.policies[0], collector.providers[0]];
  return { problems, ...(policy ? { policy } : {}), ...(provider ? { provider } : {}) };
}
