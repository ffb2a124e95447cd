/** Latency at a fixed rate of requests. */
import { fileURLToPath } from 'node:url';
import { ended, LOAD_CORE, spawnPinned } from './process.js';
import type { WrkTarget } from './wrk.js';

const GENERATOR = fileURLToPath(new URL('./open-loop/main.js', import.meta.url));

export interface Latency {
  /** Milliseconds. */
  p50: number;
  p99: number;
}

export async function latencyAt(target: WrkTarget, rate: number, seconds: number): Promise<Latency> {
  const { hostname, port } = new URL(target.origin);
  const args = [GENERATOR, hostname, port, target.requestTarget, target.host, String(rate), String(seconds)];
  const child = spawnPinned(LOAD_CORE, process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout!.setEncoding('utf8').on('data', (text: string) => (output += text));
  if ((await ended(child)) !== 0) throw new Error(`the load at a fixed rate failed against ${target.origin}`);
  return JSON.parse(output) as Latency;
}

/** What the proxy adds to direct. */
export function added(over: Latency, direct: Latency): Latency {
  return { p50: over.p50 - direct.p50, p99: over.p99 - direct.p99 };
}
