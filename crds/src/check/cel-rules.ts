/** The CEL rules that the CRD carries, evaluated here, so that an offline check and the API server say the same. */
import { Environment } from '@marcbachmann/cel-js';
import type { CelRule, Schema } from '../schema/structural.js';
import type { Finding, Path } from './finding.js';

const environment = new Environment({ unlistedVariablesAreDyn: true, homogeneousAggregateLiterals: false });
const programs = new Map<string, (context: { self: unknown }) => unknown>();

function holds({ rule }: CelRule, self: unknown): boolean {
  let program = programs.get(rule);
  if (!program) programs.set(rule, (program = environment.parse(rule)));
  try {
    return program({ self }) === true;
  } catch {
    // The API server refuses what it cannot evaluate, too.
    return false;
  }
}

/** Rules on transitions speak of an object that is not here. */
function isTransition({ rule }: CelRule): boolean {
  return rule.includes('oldSelf');
}

/** Rules below `schema` that a completed `value` breaks; those of `said` are left out. */
export function checkCelRules(schema: Schema, value: unknown, path: Path, said: ReadonlySet<string> = new Set()): Finding[] {
  if (value === undefined || value === null) return [];
  const findings: Finding[] = [];
  for (const rule of schema['x-kubernetes-validations'] ?? []) {
    if (!isTransition(rule) && !said.has(rule.rule) && !holds(rule, value))
      findings.push({ code: 'rule', path, message: `${rule.message}.` });
  }
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    findings.push(...checkCelRules(property, (value as Record<string, unknown>)[name], [...path, name], said));
  }
  const { items } = schema;
  if (items && Array.isArray(value)) value.forEach((item, index) => findings.push(...checkCelRules(items, item, [...path, index], said)));
  return findings;
}
