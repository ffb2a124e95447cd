/** Programs of this machine, for images that only tests need. */
import { access, constants, readdir, realpath } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { file, link, type Entry } from './entry.js';
import { librariesOf } from './libraries.js';

/** Where programs stand that are not on everybody's PATH. */
const MORE_FOLDERS = ['/usr/sbin', '/usr/bin', '/sbin', '/bin'];
const POSTGRESQL = '/usr/lib/postgresql';

/** The path of a program on this machine. Rejects with a sentence that names it where it is missing. */
export async function findProgram(name: string): Promise<string> {
  // The distribution's own before those that somebody put in front of them: they come with what they need.
  for (const folder of [...MORE_FOLDERS, ...(process.env['PATH'] ?? '').split(delimiter)]) {
    const path = join(folder, name);
    if (await isExecutable(path)) return path;
  }
  throw new Error(
    `an image for tests needs ${name}, which is not on this machine: tools/need.sh ${name} installs it (Debian), or put it on PATH`,
  );
}

/** psql itself: what is on PATH in Debian is a script that looks for it. */
export async function findPsql(): Promise<string> {
  const versions = await readdir(POSTGRESQL).catch(() => []);
  for (const version of versions.sort((left, right) => Number(right) - Number(left))) {
    const path = join(POSTGRESQL, version, 'bin/psql');
    if (await isExecutable(path)) return path;
  }
  return findProgram('psql');
}

const isExecutable = async (path: string): Promise<boolean> =>
  access(path, constants.X_OK).then(
    () => true,
    () => false,
  );

/** Programs (name in the image to path on this machine) below usr/bin, with their libraries. */
export async function programEntries(programs: Readonly<Record<string, string>>): Promise<Entry[]> {
  const entries: Entry[] = [];
  const originals: string[] = [];
  for (const [name, path] of Object.entries(programs)) {
    const original = await realpath(path);
    originals.push(original);
    entries.push(file(`usr/bin/${name}`, original, 0o755));
  }
  return [...entries, ...(await librariesOf(originals))];
}

/** A shell with the usual commands. */
export async function shellEntries(): Promise<Entry[]> {
  const programs: Record<string, string> = {};
  for (const name of COMMANDS) programs[name] = await findProgram(name);
  return [...(await programEntries(programs)), link('usr/bin/sh', 'dash')];
}

const COMMANDS = [
  ...[
    'dash',
    'bash',
    'env',
    'id',
    'whoami',
    'uname',
    'true',
    'false',
    'test',
    'expr',
    'printf',
    'echo',
    'sleep',
    'timeout',
    'date',
    'tty',
    'stty',
  ],
  ...[
    'ls',
    'cat',
    'cp',
    'mv',
    'rm',
    'ln',
    'mkdir',
    'rmdir',
    'touch',
    'chmod',
    'chown',
    'stat',
    'readlink',
    'mktemp',
    'dd',
    'sync',
    'df',
    'du',
  ],
  ...[
    'head',
    'tail',
    'wc',
    'tr',
    'cut',
    'sort',
    'uniq',
    'tee',
    'seq',
    'od',
    'base64',
    'sha256sum',
    'grep',
    'sed',
    'find',
    'xargs',
    'tar',
    'gzip',
  ],
];
