// Runs the compiled tests below the given folders with node:test. Fails when a folder holds none: an empty run proves nothing.
// --one-by-one: for files that share one cluster.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

const ONE_BY_ONE = '--one-by-one';
const given = process.argv.slice(2);
const folders = given.filter((each) => each !== ONE_BY_ONE);
const concurrency = given.includes(ONE_BY_ONE) ? 1 : 2;
const files = folders.flatMap((folder) => {
  const root = folder.includes('/') ? folder : join(folder, 'dist');
  const found = existsSync(root)
    ? readdirSync(root, { recursive: true })
        .map((name) => join(root, name))
        .filter((file) => file.endsWith('.test.js') && existsSync(file.replace('/dist/', '/src/').replace(/\.js$/, '.ts')))
    : [];
  if (found.length === 0) {
    console.error(`run-tests: no compiled tests below ${root}; run make build`);
    process.exit(1);
  }
  return found;
});
const failures = new URL('failures.mjs', import.meta.url).href;
const reporters = [
  ...['--test-reporter=spec', '--test-reporter-destination=stdout'],
  `--test-reporter=${failures}`,
  '--test-reporter-destination=stderr',
];
// Milliseconds of one file. The first of a cluster may have to build its images.
const timeout = concurrency === 1 ? 1_800_000 : 600_000;
const options = ['--test', ...reporters, `--test-concurrency=${concurrency}`, '--enable-source-maps', `--test-timeout=${timeout}`];
const runner = spawn(process.execPath, [...options, ...files.sort()], { stdio: 'inherit' });
// Whoever ends this means the tests: they end what they started.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => runner.kill(signal));
const [status] = await once(runner, 'exit');
process.exit(status ?? 1);
