/** The demo's folder: made anew for every run, used by one demo at a time. */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { DemoError } from './failure.js';

export interface DemoFolder {
  /** What stays: ledger, trust, witness, auditor's key, spools, logs. */
  root: string;
  logs: string;
  spools: string;
  /** What goes when the demo ends: volumes with Secrets, the operator's keys. */
  run: string;
  remove(): Promise<void>;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

async function lock(file: string): Promise<void> {
  for (;;) {
    try {
      await writeFile(file, String(process.pid), { flag: 'wx', mode: 0o600 });
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      const holder = Number(await readFile(file, 'utf8').catch(() => '0'));
      if (holder > 0 && isAlive(holder)) {
        throw new DemoError(
          `another demo (process ${holder}) runs in this folder`,
          'Wait until it ends, or run this one in another checkout.',
          { cause: error },
        );
      }
      await rm(file, { force: true });
    }
  }
}

/** Empties and locks `root`. Throws DemoError where another demo uses it. */
export async function openFolder(root: string): Promise<DemoFolder> {
  await mkdir(dirname(root), { recursive: true });
  const lockFile = `${root}.lock`;
  await lock(lockFile);
  const folder = { root, logs: join(root, 'logs'), spools: join(root, 'spools'), run: join(root, 'run') };
  try {
    await rm(root, { recursive: true, force: true });
    for (const path of [root, folder.logs, folder.spools, folder.run]) await mkdir(path, { mode: 0o700 });
  } catch (error) {
    await rm(lockFile, { force: true });
    const next = `Remove ${root} (an earlier run as another user may have left it) and run it again.`;
    throw new DemoError(`${root} cannot be made anew: ${(error as Error).message}`, next, { cause: error });
  }
  const remove = async (): Promise<void> => {
    await rm(folder.run, { recursive: true, force: true });
    await rm(lockFile, { force: true });
  };
  return { ...folder, remove };
}
