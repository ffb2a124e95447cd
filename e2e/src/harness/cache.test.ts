import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';

const run = promisify(execFile);
const CACHE = JSON.stringify(new URL('./cache.js', import.meta.url).href);

async function build(home: string, body: string): Promise<string> {
  const program = `import { cached } from ${CACHE};
    import { appendFile } from 'node:fs/promises';
    console.log(await cached('thing', '1', async (folder) => { ${body} }));`;
  const { stdout } = await run(process.execPath, ['--input-type=module', '-e', program], { env: { ...process.env, XDG_CACHE_HOME: home } });
  return stdout.trim();
}

test('two processes that need the same thing build it once', async (t) => {
  const home = await mkdtemp(join(tmpdir(), 'cairn-cache-'));
  t.after(() => rm(home, { recursive: true, force: true }));
  const body = `await appendFile(${JSON.stringify(join(home, 'builds'))}, 'built\\n'); await appendFile(folder + '/thing', 'whole');`;
  const [first, second] = await Promise.all([build(home, body), build(home, body)]);
  assert.equal(first, second);
  assert.equal(await readFile(join(first, 'thing'), 'utf8'), 'whole');
  assert.equal(await readFile(join(home, 'builds'), 'utf8'), 'built\n');
});

test('a build that fails leaves nothing in the cache, and the next one builds', async (t) => {
  const home = await mkdtemp(join(tmpdir(), 'cairn-cache-'));
  t.after(() => rm(home, { recursive: true, force: true }));
  await assert.rejects(build(home, `await appendFile(folder + '/thing', 'half'); throw new Error('no disk');`), /no disk/);
  const left = (await readdir(join(home, 'cairn'))).filter((name) => !name.endsWith('.lock'));
  assert.deepEqual(left, []);
  const folder = await build(home, `await appendFile(folder + '/thing', 'whole');`);
  assert.equal(await readFile(join(folder, 'thing'), 'utf8'), 'whole');
});
