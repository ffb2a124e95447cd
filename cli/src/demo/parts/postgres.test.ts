import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { test } from 'node:test';

/** Starts a server, tells its pid and folder, and waits. */
const OWNER = `
  const { startPostgres } = await import(process.argv[1]);
  const { pid, home } = await startPostgres();
  console.log(JSON.stringify({ pid, home }));
  setInterval(() => undefined, 1000);
`;

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

test('a server ends, and its folder goes, with the process that started it, however that ends', { timeout: 60_000 }, async () => {
  const module = new URL('./postgres.js', import.meta.url).href;
  const owner = spawn(process.execPath, ['--input-type=module', '--eval', OWNER, module], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [told] = (await once(owner.stdout, 'data')) as [Buffer];
  const { pid, home } = JSON.parse(told.toString()) as { pid: number; home: string };
  assert.ok(alive(pid) && existsSync(home));
  owner.kill('SIGKILL');
  while (alive(pid) || existsSync(home)) await new Promise((resolve) => setTimeout(resolve, 50));
});
