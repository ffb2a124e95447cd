/** `cairn demo`: three nested agents behind their sidecars on this machine. Ends everything it started, however it ends. */
import { resolve } from 'node:path';
import { Option, type Command } from 'commander';

interface DemoCommandOptions {
  capture?: 'transparent' | 'explicit';
  folder: string;
}

export function register(program: Command): void {
  program
    .command('demo')
    .description('three nested agents on this machine, every action attributed to the person and provable')
    .addOption(new Option('--capture <how>', 'default: transparent where this machine allows it').choices(['transparent', 'explicit']))
    .option('--folder <path>', 'where the evidence is left', '.cairn/demo')
    .action(run);
}

async function run(options: DemoCommandOptions): Promise<void> {
  const { Cleanup } = await import('../demo/cleanup.js');
  const { createProgress } = await import('../demo/progress.js');
  const { DemoError } = await import('../demo/failure.js');
  const { runDemo } = await import('../demo/demo.js');
  const cleanup = new Cleanup();
  let stopping = false;
  const interrupted = (signal: 'SIGINT' | 'SIGTERM', code: number): void => {
    stopping = true;
    process.stderr.write(`\ncairn demo: ${signal}, stopping what was started\n`);
    void cleanup.run().then(() => process.exit(code));
  };
  process.once('SIGINT', () => interrupted('SIGINT', 130));
  process.once('SIGTERM', () => interrupted('SIGTERM', 143));
  const project = resolve(import.meta.dirname, '..', '..', '..');
  try {
    await runDemo(
      { project, folder: options.folder, capture: options.capture },
      createProgress((text) => process.stdout.write(text)),
      cleanup,
    );
  } catch (error) {
    // What fails while everything is being stopped is no news.
    if (stopping) return;
    const next = error instanceof DemoError ? error.next : 'If it happens again, report it with the files of .cairn/demo/logs.';
    process.stderr.write(`cairn demo failed: ${(error as Error).message}\n${next}\n`);
    process.exitCode = 1;
  } finally {
    await cleanup.run();
  }
}
