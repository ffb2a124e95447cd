import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { validate } from 'dockerfile-utils';
import { DEFAULT_SETTINGS } from '@cairn/operator';
import { parse } from 'yaml';
import { repositoryFile } from './repository.js';

const text = repositoryFile('images/Dockerfile');
const PROGRAMS = {
  operator: 'operator/dist/main.js',
  sidecar: 'sidecar/dist/main.js',
  ledger: 'cli/bin/cairn.js',
  agents: 'agents/planner.js',
};
/** Instructions of a stage, by its name. */
const stage = (name: string): string => text.split(/^FROM /m).find((each) => each.split('\n')[0]!.endsWith(` AS ${name}`)) ?? '';

describe('images/Dockerfile', () => {
  test('has no instruction that a builder would refuse or warn of', () => {
    const findings = validate(text).map(({ range, message }) => `line ${range.start.line + 1}: ${JSON.stringify(message)}`);
    assert.deepEqual(findings, []);
  });

  for (const [name, image] of [
    ['operator', (parse(repositoryFile('charts/cairn/values.yaml')) as { image: { repository: string } }).image.repository],
    ['sidecar', DEFAULT_SETTINGS.image.split(':')[0]!],
    ['ledger', 'cairn/ledger'],
    ['agents', 'cairn/agents'],
  ] as const) {
    test(`${name}: no shell in it, not root, started as the manifests start it`, () => {
      assert.match(stage(name), /^gcr\.io\/distroless\//);
      assert.doesNotMatch(stage(name), /^RUN /m);
      assert.match(stage(name), /^USER 65532:65532$/m);
      assert.match(stage(name), new RegExp(`^CMD \\["node", "${PROGRAMS[name]}"`, 'm'));
      assert.match(text, new RegExp(`--target ${name} -t ${image}:`));
    });
  }
});
