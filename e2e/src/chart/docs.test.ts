import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { DEFAULT_SETTINGS, inject, skipSentence, type Problem, type SkipReason } from '@cairn/operator';
import { codes, tableBelow } from './markdown.js';
import { filesNamed, repositoryFile } from './repository.js';

function annotated(annotations: Record<string, string>): Problem[] {
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'planner', annotations }, spec: { containers: [{ name: 'agent' }] } };
  return inject(pod, { policies: [], settings: DEFAULT_SETTINGS, enrolled: true, namespace: 'research' }).problems;
}

/** The literals of a union, or of the member `code` of an interface. */
function members(file: string, name: string): string[] {
  const declaration = new RegExp(`(?:type ${name} =|interface ${name} \\{\\s*code:)([^;]+);`).exec(repositoryFile(file));
  assert.ok(declaration, `${file} declares ${name}`);
  return [...declaration[1]!.matchAll(/(?<!\[)'([a-z-]+)'/g)].map(([, code]) => code!);
}

describe('docs/annotations.md', () => {
  const page = repositoryFile('docs/annotations.md');
  const rows = tableBelow(page, '## Annotations').map(([name, values]) => ({ name: codes(name!)[0]!, values: values! }));

  test('names every annotation that injection reads, and no other', () => {
    const [problem] = annotated({ 'cairn.dev/nonsense': 'x' });
    assert.equal(problem?.code, 'unknown-annotation');
    const known = [...problem.message.matchAll(/cairn\.dev\/[a-z-]+/g)].map(([name]) => name);
    assert.deepEqual(rows.map(({ name }) => name).toSorted(), known.toSorted());
  });

  for (const { name, values } of rows.filter((row) => !row.values.startsWith('written by'))) {
    test(`${name} takes each value that is given for it, and refuses others`, () => {
      const invalid = (value: string): Problem[] => annotated({ [name]: value }).filter(({ code }) => code === 'invalid-annotation');
      assert.ok(codes(values).length > 0);
      for (const value of codes(values)) assert.deepEqual(invalid(value), []);
      assert.equal(invalid('Not This!').length, 1);
    });
  }

  test('gives the reason behind every skip code', () => {
    const documented = tableBelow(page, '## Why a pod got no sidecar').map(([code, sentence]) => [codes(code!)[0], sentence]);
    const reasons = members('operator/src/inject/problem.ts', 'SkipReason').map((code) => [code, skipSentence(code as SkipReason)]);
    assert.deepEqual(documented, reasons);
  });

  test('lists every code of a refusal or warning, and no other', () => {
    const documented = tableBelow(page, '## Why a pod was refused').map(([code]) => codes(code!)[0]!);
    const ofPolicies = members('crds/src/choose.ts', 'PolicyChoiceProblem');
    const all = [...members('operator/src/inject/problem.ts', 'ProblemCode'), ...ofPolicies];
    assert.deepEqual(documented.toSorted(), all.toSorted());
  });
});

describe('docs/metrics.md', () => {
  const page = repositoryFile('docs/metrics.md');
  for (const [heading, folder] of [
    ['## Operator', 'operator/src'],
    ['## Sidecar', 'sidecar/src'],
  ] as const) {
    test(`names every metric of ${folder}, and no other`, () => {
      const inCode = filesNamed(folder, 'metrics.ts').flatMap((text) =>
        [...text.matchAll(/'(cairn_[a-z0-9_]+)'/g)].map(([, name]) => name!),
      );
      const documented = tableBelow(page, heading).flatMap(([name]) => codes(name!));
      assert.ok(inCode.length > 0);
      assert.deepEqual(documented.toSorted(), inCode.toSorted());
    });
  }

  test('has every metric that docs/operations.md alerts on', () => {
    const alerts = tableBelow(repositoryFile('docs/operations.md'), '## What to alert on').map(([expression]) => expression!);
    const used = alerts.flatMap((expression) => expression.match(/cairn_[a-z0-9_]+/g) ?? []);
    const known = ['## Operator', '## Sidecar'].flatMap((heading) => tableBelow(page, heading).map(([name]) => codes(name!)[0]!));
    assert.ok(used.length > 0);
    for (const name of used) assert.ok(known.includes(name.replace(/_bucket$/, '')), name);
  });
});
