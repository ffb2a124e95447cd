import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { MAX_DOCUMENTS, MAX_FILE_CHARS, MAX_PROBLEMS, MAX_RECIPIENTS, MAX_RULE_TARGETS, MAX_RULES, MAX_TARGETS } from '../limits.js';
import { completePolicy, completeProvider } from '../schema/defaults.js';
import { parsePolicies } from './parse.js';

const read = (name: string): string => readFileSync(new URL(`../../testdata/${name}`, import.meta.url), 'utf8');
const HEAD = 'apiVersion: cairn.dev/v1alpha1\nkind: AuditPolicy\nmetadata: {name: p}\n';

function messages(text: string): string[] {
  return parsePolicies(text, 'p.yaml').problems.map(({ line, column, path, message }) => `${line}:${column} ${path}: ${message}`);
}

test('the policy of the documentation is read with every default', () => {
  const { policies, providers, problems } = parsePolicies(read('research.yaml'), 'research.yaml');
  assert.deepEqual(problems, []);
  const spec = policies[0]!.spec;
  assert.deepEqual(spec.identity, { required: true, providers: ['corp'], maxDepth: 5, onAmbiguous: 'Deny', allowLoops: false });
  assert.deepEqual(spec.targets[0]!.tls, { mode: 'Prefer' });
  assert.deepEqual(spec.targets[1]!.tls, { mode: 'Require' });
  assert.deepEqual(spec.targets[0]!.capture, { maxRows: 1000, maxBytes: 1_048_576 });
  assert.deepEqual(spec.default, { action: 'Allow', level: 'Metadata', delivery: 'Durable' });
  assert.equal(spec.unparsed, 'Deny');
  assert.equal(providers[0]!.spec.oidc?.usernameClaim, 'email');
});

test('a SAML provider is read with every default', () => {
  const text =
    'apiVersion: cairn.dev/v1alpha1\nkind: IdentityProvider\nmetadata: {name: p}\nspec: {saml: {metadata: https://a/m, entityId: urn:cairn}}';
  const { providers, problems } = parsePolicies(text, 'p.yaml');
  assert.deepEqual(problems, []);
  assert.deepEqual(providers[0]!.spec, {
    saml: { metadata: 'https://a/m', entityId: 'urn:cairn', groupsAttribute: 'groups', recipients: [] },
  });
});

test('recipients of a SAML provider hold at the limit and not beyond', () => {
  const list = (count: number) => Array.from({ length: count }, (_, i) => `https://a/${i}`).join();
  const provider = (count: number) =>
    `apiVersion: cairn.dev/v1alpha1\nkind: IdentityProvider\nmetadata: {name: p}\nspec: {saml: {metadata: https://a/m, entityId: u, recipients: [${list(count)}]}}`;
  assert.deepEqual(messages(provider(MAX_RECIPIENTS)), []);
  assert.match(messages(provider(MAX_RECIPIENTS + 1)).join(), /more than 16 entries/);
});

test('every mistake is told with its place and how to mend it', () => {
  const { policies, problems } = parsePolicies(read('mistakes.yaml'), 'mistakes.yaml');
  const told = problems
    .map(({ file, line, column, code, path, message }) => `${file}:${line}:${column}: ${code} ${path}: ${message}\n`)
    .join('');
  assert.equal(told, read('mistakes.txt'));
  assert.deepEqual(policies, []);
});

test('nothing written means the safe choice', () => {
  const { spec } = parsePolicies(`${HEAD}spec: {}`, 'p.yaml').policies[0]!;
  assert.deepEqual([spec.default.action, spec.undeclared, spec.unparsed, spec.identity.onAmbiguous], ['Deny', 'Deny', 'Deny', 'Deny']);
  assert.equal(spec.identity.required, true);
});

test('http off port 443 is in the clear unless tls says so', () => {
  const target = (more: string) => `${HEAD}spec: {targets: [{name: a, protocol: http, hosts: [a], port: 80${more}}]}`;
  const mode = (text: string) => parsePolicies(text, 'p.yaml').policies[0]!.spec.targets[0]!.tls.mode;
  assert.equal(mode(target('')), 'Disable');
  assert.equal(mode(target(', tls: {mode: Require}')), 'Require');
});

test('JSON is YAML, other API groups are passed over, empty documents are none', () => {
  const json = JSON.stringify({ apiVersion: 'cairn.dev/v1alpha1', kind: 'AuditPolicy', metadata: { name: 'p' }, spec: {} });
  assert.equal(parsePolicies(json, 'p.json').policies.length, 1);
  assert.deepEqual(parsePolicies('apiVersion: apps/v1\nkind: Deployment\n---\n---\n', 'd.yaml'), {
    policies: [],
    providers: [],
    problems: [],
  });
});

const WRONG: [name: string, text: string, told: RegExp][] = [
  ['a kind misspelt', HEAD.replace('AuditPolicy', 'AuditPolcy'), /^2:7 kind: cairn.dev has no kind AuditPolcy. Did you mean AuditPolicy\?/],
  ['another version', HEAD.replace('v1alpha1', 'v1'), /^1:13 apiVersion: apiVersion must be cairn.dev\/v1alpha1/],
  ['a group misspelt', HEAD.replace('cairn.dev', 'cairn.io'), /apiVersion must be/],
  ['no kind', 'metadata: {name: p}', /lacks apiVersion or kind/],
  ['a list instead of a document', '- a', /lacks apiVersion or kind/],
  ['no spec', HEAD, /the document lacks spec/],
  ['a field twice', `${HEAD}spec: {undeclared: Deny, undeclared: Record}`, /^4:26 : YAML: this field stands twice/],
  ['an open bracket', `${HEAD}spec: {rules: [`, /YAML: /],
  ['a tab', `${HEAD}spec:\n\tundeclared: Deny`, /^5:1 : YAML: tabs/],
  [
    'a condition that is no CEL',
    `${HEAD}spec: {rules: [{name: a, match: {}, action: Allow, when: "1 +"}]}`,
    /^4:\d+ spec.rules\[0\].when: when of rule a is not a CEL/,
  ],
  ['approval missing', `${HEAD}spec: {rules: [{name: a, match: {}, action: RequireApproval}]}`, /RequireApproval needs approvers/],
  [
    'a bad duration',
    `${HEAD}spec: {rules: [{name: a, match: {}, action: RequireApproval, approval: {groups: [g], timeout: 1d}}]}`,
    /timeout cannot be 1d; it must be a duration/,
  ],
  [
    'two credentials',
    `${HEAD}spec: {targets: [{name: a, protocol: http, hosts: [a], port: 1, credential: {secret: a, clientCertificateSecret: b}}]}`,
    /exactly one/,
  ],
  [
    'rules of one name',
    `${HEAD}spec: {rules: [{name: a, match: {verbs: [X]}, action: Deny}, {name: a, match: {}, action: Deny}]}`,
    /^4:\d+ spec.rules\[1\].name: .*rename one/,
  ],
  ['Hold with nobody to ask', `${HEAD}spec: {identity: {onAmbiguous: Hold}}`, /onAmbiguous Hold needs somebody/],
  [
    'a stray secret',
    `${HEAD}spec: {targets: [{name: a, protocol: http, hosts: [a], port: 1, credential: {secret: "Pa55 word"}}]}`,
    /secret cannot be this value/,
  ],
  [
    'a provider without audience',
    'apiVersion: cairn.dev/v1alpha1\nkind: IdentityProvider\nmetadata: {name: p}\nspec: {oidc: {issuer: https://a}}',
    /oidc lacks audiences/,
  ],
  [
    'a provider of neither kind',
    'apiVersion: cairn.dev/v1alpha1\nkind: IdentityProvider\nmetadata: {name: p}\nspec: {}',
    /name exactly one of oidc and saml/,
  ],
  [
    'a provider of both kinds',
    'apiVersion: cairn.dev/v1alpha1\nkind: IdentityProvider\nmetadata: {name: p}\nspec: {oidc: {issuer: https://a, audiences: [a]}, saml: {metadata: https://a, entityId: u}}',
    /name exactly one of oidc and saml/,
  ],
];

for (const [name, text, told] of WRONG) {
  test(`${name} is told once`, () => {
    const all = messages(text);
    assert.match(all.join('\n'), told);
    assert.equal(all.length, 1, all.join('\n'));
  });
}

test('an alias is followed to the place of the mistake', () => {
  const text = `${HEAD}spec:\n  targets:\n  - &t {name: a, protocol: http, hosts: [a], port: 1, x: 1}\n  - *t\n`;
  assert.equal(messages(text)[0]?.slice(0, 5), '6:55 ');
});

test('two objects of one name in a file are one too many', () => {
  assert.match(messages(`${HEAD}spec: {}\n---\n${HEAD}spec: {}\n`).join('\n'), /^8:18 metadata.name: AuditPolicy default\/p stands/);
});

test('limits hold at the limit and refuse beyond it', () => {
  const rules = (count: number) => Array.from({ length: count }, (_, i) => `{name: r${i}, match: {verbs: [V${i}]}, action: Deny}`).join();
  assert.deepEqual(messages(`${HEAD}spec: {rules: [${rules(MAX_RULES)}]}`), []);
  assert.match(messages(`${HEAD}spec: {rules: [${rules(MAX_RULES + 1)}]}`).join(), /more than 128 entries/);
  const targets = (count: number) =>
    Array.from({ length: count }, (_, i) => `{name: t${i}, protocol: http, hosts: [h${i}], port: 80}`).join();
  assert.deepEqual(messages(`${HEAD}spec: {targets: [${targets(MAX_TARGETS)}]}`), []);
  assert.match(messages(`${HEAD}spec: {targets: [${targets(MAX_TARGETS + 1)}]}`).join(), /more than 64 entries/);
  const named = (count: number) => Array.from({ length: count }, (_, i) => `t${i}`).join();
  const naming = (count: number) =>
    `${HEAD}spec: {targets: [${targets(MAX_TARGETS)}], rules: [{name: r, match: {targets: [${named(count)}]}, action: Deny}]}`;
  assert.deepEqual(messages(naming(MAX_RULE_TARGETS)), []);
  assert.match(messages(naming(MAX_RULE_TARGETS + 1)).join(), /targets has more than 32 entries/);
  const documents = (count: number) => Array.from({ length: count }, () => '---\napiVersion: v1\nkind: X').join('\n');
  assert.deepEqual(messages(documents(MAX_DOCUMENTS)), []);
  assert.match(messages(documents(MAX_DOCUMENTS + 1)).join(), /more than 256 documents/);
  assert.deepEqual(messages(`${HEAD}spec: {}\n#`.padEnd(MAX_FILE_CHARS, '#')), []);
  assert.match(messages(`${HEAD}spec: {}\n#`.padEnd(MAX_FILE_CHARS + 1, '#')).join(), /characters; split it/);
});

test('problems are cut off at a number that a person may read', () => {
  const fields = (count: number) => `${HEAD}spec: {${Array.from({ length: count }, (_, i) => `x${i}: 1`).join()}}`;
  assert.equal(messages(fields(MAX_PROBLEMS)).length, MAX_PROBLEMS);
  const cut = messages(fields(MAX_PROBLEMS + 1));
  assert.equal(cut.length, MAX_PROBLEMS + 1);
  assert.match(cut.at(-1)!, /and more problems/);
});

test('deep nesting and expanding aliases are problems, not crashes', () => {
  assert.match(messages(`${HEAD}spec: ${'['.repeat(20_000)}`).join(), /YAML|nested/);
  const levels = Array.from({ length: 12 }, (_, i) => `x${i + 1}: &a${i + 1} [${`*a${i},`.repeat(9)}]`).join('\n');
  assert.match(messages(`x0: &a0 [a]\n${levels}`).join(), /cannot be read as YAML/);
});

test('any text is read or refused, never thrown at', () => {
  const base = read('research.yaml');
  const scraps = fc.array(
    fc.oneof(fc.string(), fc.constantFrom('---\n', ': ', '- ', '&a ', '*a ', '{', '}', '[', ']', '? ', '!!x ', '<<: ', '\n  ')),
    { maxLength: 30 },
  );
  const edits = fc.tuple(fc.nat(base.length), fc.nat(40), fc.string({ maxLength: 8 }));
  const unthrown = (text: string): void => {
    for (const { line, column, message } of parsePolicies(text, 'x').problems)
      assert.ok((line >= 1 && column >= 1 && message.endsWith('.')) || message.endsWith('?'));
  };
  fc.assert(
    fc.property(scraps, (parts) => unthrown(parts.join(''))),
    { numRuns: 300 },
  );
  fc.assert(
    fc.property(edits, ([at, length, text]) => unthrown(base.slice(0, at) + text + base.slice(at + length))),
    { numRuns: 500 },
  );
  fc.assert(fc.property(fc.json(), unthrown), { numRuns: 100 });
});

test('completing a complete object changes nothing, and leaves its argument alone', () => {
  const { policies, providers } = parsePolicies(read('research.yaml'), 'research.yaml');
  const before = structuredClone(policies[0]!);
  assert.deepEqual(completePolicy(policies[0]), before);
  assert.deepEqual(policies[0], before);
  assert.deepEqual(completeProvider(providers[0]), providers[0]);
  const sparse = Object.freeze({ ...before, spec: Object.freeze({}) });
  assert.deepEqual(completePolicy(completePolicy(sparse)), completePolicy(sparse));
});

test('a kubernetes target needs no more than its name: the API server of the cluster, over TLS', () => {
  const { policies, problems } = parsePolicies(`${HEAD}spec: {targets: [{name: cluster, protocol: kubernetes}]}`, 'p.yaml');
  assert.deepEqual(problems, []);
  const [target] = policies[0]!.spec.targets;
  assert.deepEqual(target!.hosts, ['kubernetes.default.svc', 'kubernetes.default.svc.cluster.local', 'kubernetes.default']);
  assert.equal(target!.port, 443);
  assert.equal(target!.tls.mode, 'Require');
  assert.equal(target!.secretData, undefined);
});

test('what a kubernetes target may not say is told, and what only it may say elsewhere', () => {
  const rows: [string, RegExp][] = [
    ['protocol: kubernetes, credential: {secret: a}', /takes no password/],
    ['protocol: kubernetes, tls: {mode: Prefer}', /never sent in the clear/],
    ['protocol: kubernetes, forward: [Baggage]', /forward is for http/],
    ['protocol: http, hosts: [a], port: 80, credential: {serviceAccount: a}', /serviceAccount is for kubernetes/],
    ['protocol: http, hosts: [a], port: 80, secretData: Pass', /secretData is for kubernetes/],
    ['protocol: http, hosts: [a]', /name hosts and port/],
    ['protocol: postgres, port: 5432', /name hosts and port/],
  ];
  for (const [target, message] of rows) {
    const { problems } = parsePolicies(`${HEAD}spec: {targets: [{name: a, ${target}}]}`, 'p.yaml');
    assert.equal(problems.length, 1, target);
    assert.match(problems[0]!.message, message);
  }
});
