// Runs the compiled tests below the given folders with node:test. Fails when a folder holds none: an empty run proves nothing.
// --one-cluster: for files that work in one cluster. Those in a folder `shared` take it as it is and run two at a time, then the others
// one by one (docs/decisions/0182-suites-that-share-the-cluster.md).
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

const ONE_CLUSTER = '--one-cluster';
const given = process.argv.slice(2);
const folders = given.filter((each) => each !== ONE_CLUSTER);
const inOneCluster = given.includes(ONE_CLUSTER);
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
const timeout = inOneCluster ? 1_800_000 : 600_000;

let runner;
let isEnded = false;
// Whoever ends this means the tests: they end what they started.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    isEnded = true;
    runner?.kill(signal);
  });
}

/** Resolves to the exit code of these files' run, so many at a time. */
async function run(which, concurrency) {
  const options = ['--test', ...reporters, `--test-concurrency=${concurrency}`, '--enable-source-maps', `--test-timeout=${timeout}`];
  runner = spawn(process.execPath, [...options, ...which.sort()], { stdio: 'inherit' });
  const [status] = await once(runner, 'exit');
  return status ?? 1;
}

const isShared = (file) => inOneCluster && file.includes('/shared/');
const runs = [
  { which: files.filter(isShared), concurrency: 2 },
  { which: files.filter((file) => !isShared(file)), concurrency: inOneCluster ? 1 : 2 },
];
let failed = 0;
for (const { which, concurrency } of runs) {
  if (which.length > 0 && !isEnded) failed = (await run(which, concurrency)) || failed;
}
process.exit(isEnded ? 1 : failed);
