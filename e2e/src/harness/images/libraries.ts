/** Programs of this machine with the shared libraries that they are linked to. */
import { realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { file, type Entry } from './entry.js';
import { SOURCES, step } from './step.js';

/** The libraries of programs, as entries at the places where the machine has them. Rejects when a program is missing. */
export async function librariesOf(programs: readonly string[]): Promise<Entry[]> {
  const printed = await step('sh', [join(SOURCES, 'images/libraries.sh'), ...programs]);
  return librariesNamed(printed.split('\n').filter((line) => line !== ''));
}

/** Libraries by their paths, each with its content wherever that stands. */
export async function librariesNamed(paths: readonly string[]): Promise<Entry[]> {
  return Promise.all(paths.map(async (path) => file(path.slice(1), await realpath(path), 0o755)));
}
