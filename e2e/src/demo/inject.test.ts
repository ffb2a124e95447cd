/** Given the example manifests, `cairn inject` prints them with sidecars, and says what it can't accept. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { cairn, project, temporaryFolder } from './run.js';

const agents = join(project, 'examples', 'research', 'agents.yaml');
const policy = join(project, 'examples', 'research', 'policy.yaml');
const folder = temporaryFolder(false);
after(folder.remove);

const injectFile = (file: string): ReturnType<typeof cairn> => cairn(['inject', '-f', file, '--policies', policy], folder.path);

test('every agent gets a sidecar, comments stay, and doing it again changes nothing', async () => {
  const once = await injectFile(agents);
  assert.equal(once.code, 0, once.output);
  assert.equal(once.output.match(/name: cairn-sidecar$/gm)?.length, 3);
  assert.match(once.output, /^# Three ordinary agents/);
  const file = join(folder.path, 'injected.yaml');
  writeFileSync(file, once.output);
  assert.equal((await injectFile(file)).output, once.output);
});

test('an annotation that is not known is refused with its line, and nothing is printed to apply', async () => {
  const file = join(folder.path, 'typo.yaml');
  writeFileSync(file, readFileSync(agents, 'utf8').replace('cairn.dev/inject', 'cairn.dev/injcet'));
  const { code, output } = await injectFile(file);
  assert.equal(code, 1);
  assert.match(output, /typo\.yaml:3: Deployment planner: error \(unknown-annotation\)/);
  assert.doesNotMatch(output, /kind: Deployment/);
});

test('without the policy it says which is missing', async () => {
  const { code, output } = await cairn(['inject', '-f', agents], folder.path);
  assert.equal(code, 1);
  assert.match(output, /no AuditPolicy of namespace research selects the pod/);
});
