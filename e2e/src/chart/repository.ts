/** Files of the repository, as the tests of charts and docs read them. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
export const CHART = join(ROOT, 'charts', 'cairn');
export const GOLDEN = join(ROOT, 'e2e', 'testdata', 'chart');
export const RELEASE = 'cairn';
export const NAMESPACE = 'cairn-system';

export const repositoryFile = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

/** Text of every file of that name below a folder. */
export function filesNamed(folder: string, name: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((path) => path === name || path.endsWith(`/${name}`))
    .map((path) => repositoryFile(join(folder, path)));
}
