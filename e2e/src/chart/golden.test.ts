import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { parse, stringify } from 'yaml';
import { documents, objects, template, tryHelm, valuesFile } from './helm.js';
import { CHART, GOLDEN, repositoryFile } from './repository.js';

/** Rendered from generated files, which have a test of their own below. */
const CRDS = 'templates/crds.yaml';
const SETS = ['default', 'production', 'minimal'];

async function rendered(set: string): Promise<string> {
  const parts = documents(await template(['--values', valuesFile(set)])).filter((part) => part.template !== CRDS);
  return parts.map((part) => `---\n# Source: ${part.template}\n${part.text}`).join('');
}

for (const set of SETS) {
  describe(`the chart with ${set}.values.yaml`, () => {
    test('passes helm lint --strict', async () => {
      const { code, stdout, stderr } = await tryHelm(['lint', '--strict', CHART, '--values', valuesFile(set)]);
      assert.equal(code, 0, stdout + stderr);
    });

    test('renders what its golden file says', async () => {
      const golden = join(GOLDEN, `${set}.golden.yaml`);
      const actual = await rendered(set);
      const file = join(mkdtempSync(join(tmpdir(), 'cairn-golden-')), `${set}.yaml`);
      writeFileSync(file, actual);
      assert.equal(actual, readFileSync(golden, 'utf8'), `review it, then take it over: diff -u ${golden} ${file}`);
    });
  });
}

test('the custom resource definitions are those of crds/manifests, and stay on uninstall', async () => {
  const definitions = objects(await template(['--show-only', CRDS]));
  assert.equal(definitions.length, 5);
  for (const { metadata, ...rest } of definitions) {
    const [plural, ...group] = metadata.name.split('.');
    const source = parse(repositoryFile(`crds/manifests/${group.join('.')}_${plural}.yaml`)) as { metadata: object };
    assert.deepEqual({ ...rest, metadata: { name: metadata.name } }, source);
    assert.equal(metadata.annotations?.['helm.sh/resource-policy'], 'keep', stringify(metadata));
  }
  const thrownAway = objects(await template(['--show-only', CRDS, '--set', 'crds.keep=false']));
  assert.ok(thrownAway.every(({ metadata }) => metadata.annotations === undefined));
});
