/** The operator: starts its parts one after another, and on SIGTERM stops them in reverse. */
import { readFileSync } from 'node:fs';
import { operatorConfig } from './config/index.js';
import { createContext } from './context.js';
import { PARTS } from './parts/index.js';

const stopping = new AbortController();
for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => stopping.abort());
const stopped = new Promise<void>((resolve) => stopping.signal.addEventListener('abort', () => resolve()));

try {
  const context = createContext(operatorConfig(process.env, (file) => readFileSync(file, 'utf8')));
  const { log } = context;
  const stops: (() => Promise<void>)[] = [];
  for (const start of PARTS) {
    const started = await Promise.race([start(context), stopped]);
    if (!started) break;
    stops.push(started);
  }
  if (!stopping.signal.aborted) log({ level: 'info', message: 'operator ready' });
  await stopped;
  log({ level: 'info', message: 'operator stopping' });
  for (const stop of stops.toReversed()) await stop();
  log({ level: 'info', message: 'operator stopped' });
  process.exit(0);
} catch (error) {
  process.stderr.write(`cairn operator: ${(error as Error).message}\n`);
  process.exit(stopping.signal.aborted ? 0 : 1);
}
