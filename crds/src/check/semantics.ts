/** What a schema can't say of a policy. Pure; the policy is complete and of the right shape. */
import { compileCondition, ConditionError } from '../compile/condition.js';
import type { AuditPolicy, Rule, Target } from '../types.js';
import type { Finding, Path } from './finding.js';
import { canonicalHost, hostMistake } from '../hosts.js';
import { hiddenBy } from './reach.js';
import { suggestion } from './suggest.js';

function duplicates(names: readonly string[], place: Path, what: string): Finding[] {
  return names.flatMap((name, index): Finding[] => {
    const first = names.indexOf(name);
    if (first === index) return [];
    return [
      {
        code: 'duplicate',
        path: [...place, index, 'name'],
        message: `${what} ${name} has the name of ${what} number ${first + 1}; rename one.`,
      },
    ];
  });
}

function checkHosts(targets: readonly Target[]): Finding[] {
  const owners = new Map<string, string>();
  const findings: Finding[] = [];
  targets.forEach(({ name, hosts, port }, index) => {
    hosts.forEach((host, position) => {
      const path = ['spec', 'targets', index, 'hosts', position];
      const mistake = hostMistake(host);
      if (mistake) findings.push({ code: 'bad-value', path, message: `host ${host} ${mistake}.` });
      const address = `${canonicalHost(host)}:${port}`;
      const owner = owners.get(address);
      if (owner !== undefined) {
        const message = `${address} belongs to target ${owner} already; a destination has one target, remove one of the two.`;
        findings.push({ code: 'duplicate', path, message });
      } else owners.set(address, name);
    });
  });
  return findings;
}

function checkTargetNames(rule: Rule, index: number, declared: readonly string[]): Finding[] {
  return (rule.match.targets ?? []).flatMap((name, position): Finding[] => {
    if (declared.includes(name)) return [];
    const path = ['spec', 'rules', index, 'match', 'targets', position];
    return [
      {
        code: 'unknown-target',
        path,
        message: `rule ${rule.name} names the target ${name}, which is not declared.${suggestion(name, declared)}`,
      },
    ];
  });
}

function checkCondition({ name, when }: Rule, index: number): Finding[] {
  if (when === undefined) return [];
  try {
    compileCondition(when);
    return [];
  } catch (error) {
    if (!(error instanceof ConditionError)) throw error;
    const at = error.offset === undefined ? '' : ` (at character ${error.offset + 1})`;
    return [{ code: 'condition', path: ['spec', 'rules', index, 'when'], message: `when of rule ${name} ${error.message}${at}.` }];
  }
}

function checkReach(rules: readonly Rule[], index: number): Finding[] {
  const hiding = hiddenBy(rules, index);
  if (!hiding) return [];
  const message = `rule ${rules[index]!.name} is never reached: rule ${hiding.name} before it takes all that it matches; move it up, narrow ${hiding.name} or remove it.`;
  return [{ code: 'unreachable', path: ['spec', 'rules', index], message }];
}

/** Mistakes of meaning in a complete policy. */
export function checkPolicy({ spec }: AuditPolicy): Finding[] {
  const { targets, rules } = spec;
  const declared = targets.map(({ name }) => name);
  return [
    ...duplicates(declared, ['spec', 'targets'], 'target'),
    ...duplicates(
      rules.map(({ name }) => name),
      ['spec', 'rules'],
      'rule',
    ),
    ...checkHosts(targets),
    ...rules.flatMap((rule, index) => [
      ...checkTargetNames(rule, index, declared),
      ...checkCondition(rule, index),
      ...checkReach(rules, index),
    ]),
  ];
}
