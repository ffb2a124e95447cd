/** mitmproxy from PyPI, in the cache; no row where Python, its venv or the registry is missing. */
import { execFile, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cached } from '@cairn/e2e';
import { spawnPinned } from '../measure/process.js';
import { progress } from '../measure/progress.js';

const run = promisify(execFile);
/** The last that runs on Python 3.10 and 3.11. */
const VERSION = '11.0.2';
const INSTALL_TIMEOUT_MS = 300_000;
/** A moved environment keeps its interpreter but not its scripts: those name the folder that they were made in. */
const START = 'from mitmproxy.tools.main import mitmdump; mitmdump()';

/** The folder of mitmproxy's environment, installed on first use; undefined where that does not work. */
export async function mitmproxyFolder(): Promise<string | undefined> {
  try {
    return await cached('mitmproxy', VERSION, async (folder) => {
      progress(`installing mitmproxy ${VERSION}`);
      await run('python3', ['-m', 'venv', folder]);
      await run(join(folder, 'bin/pip'), ['install', '--quiet', `mitmproxy==${VERSION}`], { timeout: INSTALL_TIMEOUT_MS });
    });
  } catch {
    return undefined;
  }
}

export function startMitmproxy(core: number, folder: string, port: number, upstream: number): ChildProcess {
  const options = [
    '--quiet',
    '--mode',
    `reverse:http://127.0.0.1:${upstream}`,
    '--listen-host',
    '127.0.0.1',
    '--listen-port',
    String(port),
  ];
  return spawnPinned(core, join(folder, 'bin/python3'), ['-c', START, ...options], { stdio: 'ignore' });
}
