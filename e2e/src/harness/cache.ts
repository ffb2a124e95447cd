/** Where the harness keeps what it built or downloaded: outside the tree, by name and version, shared by checkouts. */
import { mkdir, mkdtemp, rename, rm, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { lock } from './lock.js';

/** The longest build, on a machine with much else to do. */
const BUILD_SECONDS = 1800;

/** `$XDG_CACHE_HOME/cairn/NAME-VERSION`, else below `~/.cache` (XDG Base Directory Specification). The folder need not exist. */
export function cacheFolder(name: string, version: string): string {
  return join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'cairn', `${name}-${version}`);
}

/**
 * The cached folder, built first if it is not there. `build` fills a folder that is renamed into place once whole, so
 * that neither a killed build nor two at once leave a half-filled cache; of two at once the second waits for the first.
 */
export async function cached(name: string, version: string, build: (folder: string) => Promise<void>): Promise<string> {
  const folder = cacheFolder(name, version);
  if (await exists(folder)) return folder;
  await mkdir(dirname(folder), { recursive: true });
  const release = await lock(`${folder}.lock`, BUILD_SECONDS);
  try {
    if (!(await exists(folder))) await fill(folder, build);
  } finally {
    release();
  }
  return folder;
}

async function fill(folder: string, build: (folder: string) => Promise<void>): Promise<void> {
  const draft = await mkdtemp(`${folder}.building-`);
  try {
    await build(draft);
    await rename(draft, folder);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    const another = ['ENOTEMPTY', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '');
    if (!another) throw error;
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
