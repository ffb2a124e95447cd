/** A person's minute at a shell, key by key, and what a replay must tell of it. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Running } from '../../harness/running.js';

const SIZE = 'stty size\r';
/** Waits for the size of its terminal, which travels on a way of its own. */
const WAITS_FOR_SIZE = `until [ "$(stty size)" = '40 120' ]; do :; done; echo $((6*7))\r`;
const END = 'exit 7\r';

/** For a shell: a pseudoterminal of 30 lines whose name goes into a file, with `command` on it. */
export const onTerminal = (command: string, tty: string): string[] => [
  '-qec',
  `tty > ${tty}; stty rows 30 cols 100; exec ${command}`,
  '/dev/null',
];
/** Arguments of stty that make the terminal larger. */
export const larger = (tty: string): string[] => ['-F', tty, 'rows', '40', 'cols', '120'];

/** Works at the shell that a terminal has been given, makes the terminal larger meanwhile, and leaves with exit code 7. */
export async function workAt(terminal: Running, enlarge: () => Promise<void>): Promise<void> {
  const ended = once(terminal.child, 'exit');
  await terminal.says(/[$#] $/);
  await terminal.types(SIZE);
  await terminal.says(/^30 100\r\n[$#] $/m);
  await enlarge();
  await terminal.types(WAITS_FOR_SIZE);
  await terminal.says(/^42\r\n[$#] $/m);
  await terminal.types(END);
  assert.deepEqual(await ended, [7, null]);
}

/** Each key is told apart, with both sizes, what came of it and the exit code. */
export function assertTold(replay: string): void {
  const typed = [...replay.matchAll(/typed "((?:[^"\\]|\\.)*)"/g)].map(([, text]) => JSON.parse(`"${text!}"`) as string);
  assert.deepEqual(typed, `${SIZE}${WAITS_FOR_SIZE}${END}`.split(''), replay);
  // What the shell says may come in one piece with the terminal's echo of the key before it.
  assert.match(replay, /100x30[^]*120x40[^]*output "(?:\\r\\n)?42[^]*exit 7/, replay);
}
