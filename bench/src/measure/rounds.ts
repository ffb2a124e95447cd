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

async function oneRound({ pid, run }: Subject, seconds: number): Promise<Round> {
  const before = pid === undefined ? 0 : cpuMicroseconds(pid);
  const done = await run(seconds);
  const spent = pid === undefined ? null : cpuMicroseconds(pid) - before;
  return { rate: done.count / done.seconds, cpuMicroseconds: spent === null ? null : spent / done.count };
}
