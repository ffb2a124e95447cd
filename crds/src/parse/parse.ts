/** Text of policies and providers -> objects with every default, and every problem with its place. */
import { createRequire } from 'node:module';
import type { Document, LineCounter } from 'yaml';
import { checkCelRules } from '../check/cel-rules.js';
import { pathText, type Finding, type Problem } from '../check/finding.js';
import { checkPolicy } from '../check/semantics.js';
import { checkShape } from '../check/shape.js';
import { suggestion } from '../check/suggest.js';
import { MAX_DOCUMENTS, MAX_FILE_CHARS, MAX_PROBLEMS, MAX_YAML_ALIASES } from '../limits.js';
import { completePolicy, completeProvider } from '../schema/defaults.js';
import { SAID_PRECISELY } from '../schema/audit-policy.js';
import { AUDIT_POLICY, IDENTITY_PROVIDER, RESOURCES, type CustomResource } from '../schema/resources.js';
import { API_GROUP, API_VERSION, type AuditPolicy, type IdentityProvider } from '../types.js';
import { placeOf, type Place } from './positions.js';

export interface ParsedPolicies {
  /** Complete policies without problems. */
  policies: AuditPolicy[];
  /** Complete providers without problems. */
  providers: IdentityProvider[];
  /** In order of place. */
  problems: Problem[];
}

type Yaml = typeof import('yaml');

// Loaded at first use: a sidecar compiles policies but never reads YAML, and would pay for it in memory.
const yaml = (): Yaml => createRequire(import.meta.url)('yaml') as Yaml;

const SYNTAX: Record<string, string> = {
  DUPLICATE_KEY: 'this field stands twice in its map; remove one of the two',
  TAB_AS_INDENT: 'tabs cannot indent YAML; use spaces',
  BAD_INDENT: 'the indentation does not fit the lines above, or a bracket before it is not closed',
  MISSING_CHAR: 'a closing quote, bracket or comma is missing',
  BLOCK_AS_IMPLICIT_KEY: 'a colon too many on this line; put the text in quotes',
};

type Checked = { policy: AuditPolicy } | { provider: IdentityProvider } | { findings: Finding[] } | undefined;

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

function checkDocument(value: unknown): Checked {
  const kind = checkKind(value);
  if (!kind || 'findings' in kind) return kind;
  const { resource } = kind;
  if (resource !== AUDIT_POLICY && resource !== IDENTITY_PROVIDER) return undefined;
  const shape = checkShape(resource, value);
  if (shape.length > 0) return { findings: shape };
  if (resource === IDENTITY_PROVIDER) {
    const provider = completeProvider(value);
    const findings = checkCelRules(resource.spec, provider.spec, ['spec']);
    return findings.length > 0 ? { findings } : { provider };
  }
  const policy = completePolicy(value);
  const findings = checkMeaning(policy);
  return findings.length > 0 ? { findings } : { policy };
}

class Reader {
  readonly result: ParsedPolicies = { policies: [], providers: [], problems: [] };
  readonly #seen = new Set<string>();
  readonly #file: string;

  constructor(file: string) {
    this.#file = file;
  }

  problem(place: Place, { code, path, message }: Finding): void {
    this.result.problems.push({ code, file: this.#file, ...place, path: pathText(path), message });
  }

  whole(message: string, code: 'syntax' | 'limit'): void {
    this.problem({ line: 1, column: 1 }, { code, path: [], message });
  }

  read(document: Document, counter: LineCounter): void {
    if (document.errors.length > 0 || document.warnings.length > 0) {
      const seen = new Set<number>();
      for (const { code, message, pos } of [...document.errors, ...document.warnings]) {
        if (seen.has(pos[0])) continue;
        seen.add(pos[0]);
        const { line, col } = counter.linePos(pos[0]);
        this.problem({ line, column: col }, { code: 'syntax', path: [], message: `YAML: ${SYNTAX[code] ?? message.split('\n')[0]}.` });
      }
      return;
    }
    const value: unknown = document.toJS({ maxAliasCount: MAX_YAML_ALIASES });
    if (value === null || value === undefined) return;
    const place = ({ path, atKey }: Finding): Place => placeOf(document, counter, yaml(), path, atKey === true);
    const checked = checkDocument(value);
    if (!checked) return;
    if ('findings' in checked) for (const finding of checked.findings) this.problem(place(finding), finding);
    else this.#keep(checked, place);
  }

  #keep(checked: { policy: AuditPolicy } | { provider: IdentityProvider }, place: (finding: Finding) => Place): void {
    const { kind, metadata } = 'policy' in checked ? checked.policy : checked.provider;
    const name = kind === 'AuditPolicy' ? `${metadata.namespace ?? 'default'}/${metadata.name}` : metadata.name;
    if (this.#seen.has(`${kind} ${name}`)) {
      const finding: Finding = {
        code: 'duplicate',
        path: ['metadata', 'name'],
        message: `${kind} ${name} stands in this file already; rename one.`,
      };
      this.problem(place(finding), finding);
      return;
    }
    this.#seen.add(`${kind} ${name}`);
    if ('policy' in checked) this.result.policies.push(checked.policy);
    else this.result.providers.push(checked.provider);
  }

  finish(): ParsedPolicies {
    const { problems } = this.result;
    problems.sort((a, b) => a.line - b.line || a.column - b.column);
    const more = problems.length - MAX_PROBLEMS;
    if (more > 0) {
      problems.length = MAX_PROBLEMS;
      this.whole(`${more} more problems are not shown; mend these first.`, 'limit');
    }
    return this.result;
  }
}

/**
 * Reads every AuditPolicy and IdentityProvider of a YAML (or JSON) text; documents of other API groups are passed over.
 * Never throws: whatever is wrong is a problem with file, line, column and a sentence.
 */
export function parsePolicies(text: string, file: string): ParsedPolicies {
  const reader = new Reader(file);
  if (text.length > MAX_FILE_CHARS) {
    reader.whole(`the file has more than ${MAX_FILE_CHARS} characters; split it.`, 'limit');
    return reader.finish();
  }
  const { LineCounter: Counter, parseAllDocuments } = yaml();
  const counter = new Counter();
  try {
    const documents = parseAllDocuments(text, { lineCounter: counter, prettyErrors: false, stringKeys: true });
    if (!Array.isArray(documents)) return reader.finish();
    if (documents.length > MAX_DOCUMENTS) reader.whole(`the file has more than ${MAX_DOCUMENTS} documents; split it.`, 'limit');
    for (const document of documents.slice(0, MAX_DOCUMENTS)) reader.read(document, counter);
  } catch (error) {
    // Nesting beyond the stack, aliases beyond the limit.
    const cause = error instanceof RangeError ? 'it is nested too deeply' : (error as Error).message;
    reader.whole(`the file cannot be read as YAML: ${cause}.`, 'syntax');
  }
  return reader.finish();
}
