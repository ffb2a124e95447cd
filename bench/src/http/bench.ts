/** HTTP: direct, nginx with a JSON log, http-proxy, mitmproxy where it is there, and Cairn in its three modes. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { added, latencyAt, type Latency } from '../measure/latency.js';
import { cpuMicroseconds, rssMegabytes } from '../measure/process.js';
import { progress } from '../measure/progress.js';
import { alternate, warm, type Subject } from '../measure/rounds.js';
import { WRK_SCRIPT, wrk } from '../measure/wrk.js';
import { rowsOf, type Measured, type Round, type Row } from '../report/row.js';
import type { Section } from '../report/section.js';
import { LARGE_BYTES, startHttpParts, type HttpPart, type HttpParts } from './parts.js';

const CONNECTIONS = 32;
const ROUNDS = 3;
const ROUND_SECONDS = 1;
const LARGE_ROUNDS = 2;
const FIXED_RATE = 1_000;
const FIXED_SECONDS = 2;
const LONG_REQUESTS = 500_000;
const PEER = 'nginx + JSON log';

/** `long` adds the run of half a million requests on connections that live on. */
export async function benchHttp(options: { long: boolean }): Promise<Section> {
  const folder = mkdtempSync(join(tmpdir(), 'cairn-bench-http-'));
  const script = join(folder, 'request.lua');
  writeFileSync(script, WRK_SCRIPT);
  const parts = await startHttpParts(folder, { mitmproxy: options.long });
  try {
    const rows = [
      ...(await small(parts, script)),
      ...(await large(parts, script)),
      ...(options.long ? [await longLived(parts, script)] : []),
    ];
    return { title: 'HTTP', notes: notesOf(parts), rows };
  } finally {
    await parts.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function small(parts: HttpParts, script: string): Promise<Row[]> {
  const idle = parts.all.map((part) => (part.pid === undefined ? undefined : rssMegabytes(part.pid)));
  const subjects = parts.all.map((part) => subject(part, script, 'small', CONNECTIONS));
  for (const each of subjects) await warm(each);
  const rounds = await alternate(subjects, ROUNDS, ROUND_SECONDS);
  const rss = parts.all.map((part) => (part.pid === undefined ? undefined : rssMegabytes(part.pid)));
  const latencies = await latencyOf(parts);
  const measured = parts.all.map((part, index) => ({
    name: part.name,
    ...(part.name !== PEER && part.pid !== undefined ? { peer: PEER } : {}),
    rounds: rounds.get(part.name)!,
    latency: latencies.get(part.name),
    rssMegabytes: rss[index],
  }));
  const idleRows = parts.all.flatMap((part, index) =>
    part.name === 'Cairn, full bodies' ? [{ name: 'Cairn at idle', rounds: [], rssMegabytes: idle[index] }] : [],
  );
  return rowsOf([...measured, ...idleRows]);
}

async function latencyOf(parts: HttpParts): Promise<Map<string, Latency>> {
  const latencies = new Map<string, Latency>();
  let direct: Latency | undefined;
  for (const part of parts.all.filter((each) => each.timed)) {
    progress(`${part.name} at ${FIXED_RATE} requests/s`);
    const latency = await latencyAt(part.target('small'), FIXED_RATE, FIXED_SECONDS);
    latencies.set(part.name, direct ? added(latency, direct) : latency);
    direct ??= latency;
  }
  return latencies;
}

async function large(parts: HttpParts, script: string): Promise<Row[]> {
  const label = (name: string) => `${name}, 7 MB answer`;
  const compared = parts.all.filter((part) => part.name === PEER || part.name === 'Cairn, full bodies');
  const subjects = compared.map((part) => ({ ...subject(part, script, 'large', 4), name: label(part.name) }));
  const rounds = await alternate(subjects, LARGE_ROUNDS, ROUND_SECONDS);
  const measured: Measured[] = compared.map((part) => ({
    name: label(part.name),
    ...(part.name === PEER ? {} : { peer: label(PEER) }),
    rounds: rounds.get(label(part.name))!,
    rssMegabytes: rssMegabytes(part.pid!),
  }));
  return rowsOf(measured);
}

/** Memory must not grow with the number of requests on a connection. */
async function longLived(parts: HttpParts, script: string): Promise<Row> {
  const part = parts.all.find((each) => each.name === 'Cairn, full bodies')!;
  const run = subject(part, script, 'small', CONNECTIONS).run;
  const before = rssMegabytes(part.pid!);
  const cpu = cpuMicroseconds(part.pid!);
  const probe = await run(2);
  const seconds = Math.ceil((LONG_REQUESTS - probe.count) / (probe.count / probe.seconds));
  progress(`${LONG_REQUESTS} requests on ${CONNECTIONS} connections, about ${seconds} s`);
  const rest = await run(seconds);
  const count = probe.count + rest.count;
  const round: Round = { rate: count / (probe.seconds + rest.seconds), cpuMicroseconds: (cpuMicroseconds(part.pid!) - cpu) / count };
  const name = `Cairn, after ${count} more requests (RSS before: ${before.toFixed(1)})`;
  return rowsOf([{ name, rounds: [round], rssMegabytes: rssMegabytes(part.pid!) }])[0]!;
}

function subject(part: HttpPart, script: string, answer: 'small' | 'large', connections: number): Subject {
  const run = async (seconds: number) => {
    const load = await wrk(part.target(answer), script, connections, seconds);
    // A window ends in the midst of large answers: what was moved of them counts.
    return answer === 'large' ? { ...load, count: load.bytes / LARGE_BYTES } : load;
  };
  return { name: part.name, pid: part.pid, run };
}

function notesOf(parts: HttpParts): string[] {
  return [
    `720 B answers, ${CONNECTIONS} keep-alive connections, ${ROUNDS} alternating rounds of ${ROUND_SECONDS} s, medians; each proxy alone on one core, load and upstream on the other.`,
    `p50 and p99: added to direct at ${FIXED_RATE} requests/s, open loop (direct: its own). CPU: of the proxy, user and system, all threads.`,
    ...parts.missing,
  ];
}
