/** What stands in an image: plain data, from which layers follow byte by byte. */
import { createHash } from 'node:crypto';
import { lstat, readFile, readdir, readlink } from 'node:fs/promises';
import { join, posix } from 'node:path';

export type Content = { kind: 'file'; from: string } | { kind: 'text'; text: string } | { kind: 'link'; to: string } | { kind: 'folder' };

export interface Entry {
  /** From the root, without a slash at either end. */
  path: string;
  /** Permission bits; 0o4000 makes a program run as its owner. */
  mode: number;
  /** Owner and group, both this number. */
  owner: number;
  content: Content;
}

const FOLDER_MODE = 0o755;

export const folder = (path: string, mode = FOLDER_MODE, owner = 0): Entry => ({ path, mode, owner, content: { kind: 'folder' } });
export const link = (path: string, to: string): Entry => ({ path, mode: 0o777, owner: 0, content: { kind: 'link', to } });
export const text = (path: string, content: string, mode = 0o644): Entry => ({
  path,
  mode,
  owner: 0,
  content: { kind: 'text', text: content },
});
export const file = (path: string, from: string, mode = 0o644): Entry => ({ path, mode, owner: 0, content: { kind: 'file', from } });

/**
 * Everything below a folder of this machine, as it shall stand below `at`. Owners, times and write bits of the machine are
 * dropped: a file is executable or it is not.
 */
export async function entriesBelow(source: string, at: string): Promise<Entry[]> {
  const entries: Entry[] = [];
  for (const name of await readdir(source)) {
    const from = join(source, name);
    const path = posix.join(at, name);
    const found = await lstat(from);
    if (found.isSymbolicLink()) entries.push(link(path, await readlink(from)));
    else if (found.isDirectory()) entries.push(folder(path), ...(await entriesBelow(from, path)));
    else if (found.isFile()) entries.push(file(path, from, found.mode & 0o100 ? 0o755 : 0o644));
  }
  return entries;
}

/**
 * The entries with the folders that they stand in, each path once (the last one given holds) and in the order of their
 * bytes, so that the same content is the same layer however it was gathered.
 */
export function arranged(entries: readonly Entry[]): Entry[] {
  const byPath = new Map<string, Entry>();
  for (const { path } of entries) {
    for (let parent = posix.dirname(path); parent !== '.' && parent !== '/'; parent = posix.dirname(parent)) {
      byPath.set(parent, folder(parent));
    }
  }
  for (const entry of entries) byPath.set(entry.path, entry);
  return [...byPath.values()].sort((left, right) => Buffer.compare(Buffer.from(left.path), Buffer.from(right.path)));
}

/** SHA-256 over all that a layer of these entries depends on. */
export async function fingerprint(entries: readonly Entry[]): Promise<string> {
  const hash = createHash('sha256');
  for (const { path, mode, owner, content } of arranged(entries)) {
    hash.update(`${JSON.stringify([path, mode, owner, content.kind])}\n`);
    if (content.kind === 'file')
      hash.update(
        createHash('sha256')
          .update(await readFile(content.from))
          .digest(),
      );
    else if (content.kind === 'text') hash.update(JSON.stringify(content.text));
    else if (content.kind === 'link') hash.update(JSON.stringify(content.to));
  }
  return hash.digest('hex');
}
