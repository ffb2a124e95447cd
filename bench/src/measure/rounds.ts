/** Side by side: A B A B, so that what else the machine does falls on all of them alike. */
import type { Round } from '../report/row.js';
import { cpuMicroseconds } from './process.js';
import { progress } from './progress.js';

export interface Subject {
  name: string;
  /** Process to charge; undefined where there is no proxy. */
  pid: number | undefined;
  /** One window of load: how much was done, and in how many seconds. */
  run: (seconds: number) => Promise<{ count: number; seconds: number }>;
}

export async function alternate(subjects: readonly Subject[], rounds: number, seconds: number): Promise<Map<string, Round[]>> {
  const results = new Map<string, Round[]>(subjects.map((subject) => [subject.name, []]));
  for (let round = 1; round <= rounds; round++) {
    for (const subject of subjects) {
      progress(`${subject.name}, round ${round} of ${rounds}`);
      results.get(subject.name)!.push(await oneRound(subject, seconds));
    }
  }
  return results;
}

/** CPU seconds of its own after which a process's compilers and caches have settled; on a busy machine that is many windows. */
const WARM_CPU_MICROSECONDS = 1_000_000;
const WARM_WINDOWS = 5;

/** Loads a proxy before anything counts. */
export async function warm({ name, pid, run }: Subject): Promise<void> {
  if (pid === undefined) return;
  progress(`${name}, warming up`);
  const settled = cpuMicroseconds(pid) + WARM_CPU_MICROSECONDS;
  for (let window = 0; window < WARM_WINDOWS && cpuMicroseconds(pid) < settled; window++) await run(1);
}

async function oneRound({ pid, run }: Subject, seconds: number): Promise<Round> {
  const before = pid === undefined ? 0 : cpuMicroseconds(pid);
  const done = await run(seconds);
  const spent = pid === undefined ? null : cpuMicroseconds(pid) - before;
  return { rate: done.count / done.seconds, cpuMicroseconds: spent === null ? null : spent / done.count };
}
