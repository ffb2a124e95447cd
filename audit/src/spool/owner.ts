/** Who writes a stream: a file beside its segments, so that recovery never touches a stream that is alive. */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const OWNER = 'owner';

export function claim(folder: string): void {
  writeFileSync(join(folder, OWNER), identify(process.pid), { mode: 0o600 });
}

export function disclaim(folder: string): void {
  rmSync(join(folder, OWNER), { force: true });
}

/** `alive`: its process runs. `dead`: it ended without closing the stream. `closed`: it closed it. */
export function ownerState(folder: string): 'alive' | 'dead' | 'closed' {
  const path = join(folder, OWNER);
  if (!existsSync(path)) return 'closed';
  const text = readFileSync(path, 'utf8');
  return text !== '' && identify(Number(text.split(' ')[0])) === text ? 'alive' : 'dead';
}

/** Pid and, where the system tells, the process's start: pids come again, above all pid 1 in a restarted container. */
function identify(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // proc(5): the command in parentheses may hold anything; starttime is the 22nd field, the 20th after it.
    return `${pid} ${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]}`;
  } catch {
    return existsSync('/proc/self/stat') ? '' : String(pid);
  }
}
