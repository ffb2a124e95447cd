/** PostgreSQL's regression scripts: from its source package, by apt where there is one. */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cached } from '../harness/cache.js';

const run = promisify(execFile);
const RELEASE = 'bookworm';
const PACKAGE = 'postgresql-15';
const DOWNLOAD_MS = 300_000;

/**
 * A folder with sql/, data/ and parallel_schedule, as in PostgreSQL's src/test/regress. REGRESS_DIR names one that is there already;
 * else it is taken from Debian's source package, without touching the machine's own package lists.
 */
export async function regressionScripts(): Promise<string> {
  const given = process.env['REGRESS_DIR'];
  if (given !== undefined) {
    if (existsSync(join(given, 'sql'))) return given;
    throw new Error(`REGRESS_DIR is ${given}, where there is no sql/: give the folder src/test/regress of PostgreSQL's source`);
  }
  return cached('postgres-regress', `${RELEASE}-${PACKAGE}`, async (draft) => {
    const work = mkdtempSync(join(tmpdir(), 'cairn-regress-source-'));
    try {
      await download(work);
      const unpack = ['--extract', '--strip-components=4', '--wildcards', '-C', draft];
      const [archive] = (await run('sh', ['-c', 'ls *.orig.tar.*'], { cwd: work })).stdout.trim().split('\n');
      await run('tar', [
        ...unpack,
        '--file',
        join(work, archive!),
        '*/src/test/regress/sql',
        '*/src/test/regress/data',
        '*/src/test/regress/parallel_schedule',
      ]);
    } finally {
      rmSync(work, { recursive: true, force: true });
    }
  });
}

async function download(work: string): Promise<void> {
  const list = join(work, 'sources.list');
  writeFileSync(list, `deb-src http://deb.debian.org/debian ${RELEASE} main\n`);
  mkdirSync(join(work, 'lists', 'partial'), { recursive: true });
  const settings = {
    'Dir::Etc::sourcelist': list,
    'Dir::Etc::sourceparts': '/dev/null',
    'Dir::State::lists': join(work, 'lists'),
    'Dir::Cache': join(work, 'cache'),
    'APT::Sandbox::User': 'root',
  };
  const options = Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
  try {
    await run('apt-get', [...options, '-qq', 'update'], { cwd: work, timeout: DOWNLOAD_MS });
    await run('apt-get', [...options, '-qq', '--download-only', '--tar-only', 'source', PACKAGE], { cwd: work, timeout: DOWNLOAD_MS });
  } catch (cause) {
    throw new Error("PostgreSQL's source could not be had by apt-get: set REGRESS_DIR to its folder src/test/regress", { cause });
  }
}

/** Names of scripts in the order of the schedule, which their tables rely on. */
export function scheduled(folder: string): string[] {
  const lines = readFileSync(join(folder, 'parallel_schedule'), 'utf8').split('\n');
  const names = lines.flatMap((line) => (line.startsWith('test: ') ? line.slice('test: '.length).trim().split(/\s+/) : []));
  return names.filter((name) => existsSync(join(folder, 'sql', `${name}.sql`)));
}
