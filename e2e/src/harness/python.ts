/** Python with packages of PyPI, installed once into a cache outside the tree. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cached } from './cache.js';

const run = promisify(execFile);
const DOWNLOAD_MS = 300_000;

/** Path of the interpreter; `packages` as pip names them, with their versions. */
export async function pythonWith(name: string, version: string, packages: readonly string[]): Promise<string> {
  const folder = await cached(name, version, async (draft) => {
    // Scripts name the folder they were installed to: only `python -m` is used after the rename.
    await run('python3', ['-m', 'venv', draft], { timeout: DOWNLOAD_MS });
    const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...packages];
    await run(join(draft, 'bin', 'python'), pip, { timeout: DOWNLOAD_MS });
  });
  return join(folder, 'bin', 'python');
}

const KUBERNETES = '35.0.0';

/** With the Kubernetes client of https://github.com/kubernetes-client/python. */
export const pythonWithKubernetes = (): Promise<string> => pythonWith('python-kubernetes', KUBERNETES, [`kubernetes==${KUBERNETES}`]);
