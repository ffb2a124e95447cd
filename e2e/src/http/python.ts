/** A Python with requests and httpx, installed once into a cache outside the tree. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cached } from '../harness/cache.js';

const run = promisify(execFile);
const PACKAGES = ['requests==2.32.5', 'httpx==0.28.1'];

/** Path of the interpreter. */
export async function pythonWithClients(): Promise<string> {
  const folder = await cached('python-http-clients', '2.32.5-0.28.1', async (draft) => {
    // Copied interpreters and relative scripts are not needed: only `python -m` is used after the rename.
    await run('python3', ['-m', 'venv', draft]);
    await run(join(draft, 'bin', 'python'), ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...PACKAGES]);
  });
  return join(folder, 'bin', 'python');
}
