/** A program that is talked with while it runs. */
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';

/** The longest that anything is waited for, on a machine with much else to do. */
const HEARD_MS = 180_000;

export interface Running {
  readonly child: ChildProcessWithoutNullStreams;
  /** Resolves with all that it has said, once something has been, so many times. */
  says(what: RegExp, times?: number): Promise<string>;
  /** Keys one by one: none before the one before it is echoed. The last may be answered by anything. */
  types(keys: string): Promise<void>;
  /** Ends it as a person does, with Ctrl-C. */
  interrupt(): Promise<void>;
}

/** A program whose output is waited for. */
export function start(command: string, args: readonly string[], env: NodeJS.ProcessEnv): Running {
  const child = spawn(command, args, { env });
  const said = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) child[name].setEncoding('utf8').on('data', (text: string) => (said[name] += text));
  const hears = async (what: string, isHeard: () => boolean): Promise<void> => {
    const late = AbortSignal.timeout(HEARD_MS);
    while (!isHeard()) {
      await once(child.stdout, 'data', { signal: late }).catch(() => {
        throw new Error(`${what} was not heard, but ${JSON.stringify(said)}`);
      });
    }
  };
  return {
    child,
    async says(what, times = 1) {
      const each = new RegExp(what, `${what.flags}g`);
      await hears(`${what} ${times} times`, () => (said.stdout.match(each) ?? []).length >= times);
      return said.stdout;
    },
    async types(keys) {
      for (const key of keys.slice(0, -1)) {
        const before = said.stdout;
        child.stdin.write(key);
        await hears(`the echo of ${key}`, () => said.stdout.length > before.length && said.stdout.endsWith(key));
      }
      child.stdin.write(keys.at(-1)!);
    },
    async interrupt() {
      child.kill('SIGINT');
      await once(child, 'exit');
    },
  };
}
