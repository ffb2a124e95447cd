/** Strict mode: what the hop costs, and whether replicas share the work: the same agents without a gateway, and with one, two and four. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cpuMicroseconds, rssMegabytes } from '../measure/process.js';
import { progress } from '../measure/progress.js';
import { WRK_CLOSE_SCRIPT, WRK_SCRIPT, wrk } from '../measure/wrk.js';
import { rowsOf, type Measured, type Round } from '../report/row.js';
import type { Section } from '../report/section.js';
import { AGENTS, ANSWER_BYTES, startGatewayParts, type GatewayPart } from './parts.js';

const CONNECTIONS = 8;
const ROUNDS = 3;
const ROUND_SECONDS = 4;
const WARM_SECONDS = 5;
const PEER = 'without gateway';

interface Workload {
  /** Behind the name of each row. */
  label: string;
  script: string;
  parts: readonly GatewayPart[];
}

/** One window: all processes of the path, and the gateways alone. */
interface Window {
  whole: Round;
  gateways: Round;
}

export async function benchGateway(): Promise<Section> {
  const folder = mkdtempSync(join(tmpdir(), 'cairn-bench-gateway-'));
  const script = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const parts = await startGatewayParts(folder);
  try {
    const kept: Workload = { label: '', script: script('kept.lua', WRK_SCRIPT), parts: parts.all };
    const closed = script('closed.lua', WRK_CLOSE_SCRIPT);
    const fresh: Workload = {
      label: ', a connection a request',
      script: closed,
      parts: parts.all.filter(({ replicas }) => replicas !== 2),
    };
    const measured = [...(await measure(kept)), ...(await measure(fresh))];
    return { title: 'Strict mode', notes: NOTES, rows: rowsOf(measured) };
  } finally {
    await parts.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

const NOTES = [
  `${AGENTS} agents of ${CONNECTIONS} connections each, ${ANSWER_BYTES} B answers, bodies recorded, ${ROUNDS} alternating rounds of ${ROUND_SECONDS} s, medians; the load and the web server on one core, sidecars and gateways on the other`,
  'or, where there are more, gateways on one each. CPU: of all sidecars and gateways together, a request; in the rows of gateways alone theirs only.',
  'Replicas have nothing to agree on with one another. Where they share a core the rate cannot grow with their number, and each, with fewer connections of its own, writes fewer events at a time.',
];

async function measure({ label, script, parts }: Workload): Promise<Measured[]> {
  const windows = new Map<GatewayPart, Window[]>(parts.map((part) => [part, []]));
  for (const part of parts) {
    progress(`${part.name}${label}, warming up`);
    await load(part, script, WARM_SECONDS);
  }
  for (let round = 1; round <= ROUNDS; round++) {
    for (const part of parts) {
      progress(`${part.name}${label}, round ${round} of ${ROUNDS}`);
      windows.get(part)!.push(await window(part, script));
    }
  }
  return [...windows].flatMap(([part, rounds]) => measuredOf(part, rounds, label));
}

function measuredOf({ name, sidecars, gateways }: GatewayPart, windows: readonly Window[], label: string): Measured[] {
  const whole: Measured = {
    name: name + label,
    ...(name === PEER ? {} : { peer: PEER + label }),
    rounds: windows.map((each) => each.whole),
    rssMegabytes: total(sidecars, rssMegabytes) / sidecars.length,
  };
  if (gateways.length === 0) return [whole];
  const first = `gateway, 1 replica${label}, gateways alone`;
  const alone: Measured = {
    name: `${name}${label}, gateways alone`,
    ...(gateways.length === 1 ? {} : { peer: first }),
    rounds: windows.map((each) => each.gateways),
    rssMegabytes: total(gateways, rssMegabytes) / gateways.length,
  };
  return [whole, alone];
}

async function window(part: GatewayPart, script: string): Promise<Window> {
  const [sidecars, gateways] = [total(part.sidecars, cpuMicroseconds), total(part.gateways, cpuMicroseconds)];
  const { count, seconds } = await load(part, script, ROUND_SECONDS);
  const ofGateways = total(part.gateways, cpuMicroseconds) - gateways;
  const ofSidecars = total(part.sidecars, cpuMicroseconds) - sidecars;
  const round = (cpu: number): Round => ({ rate: count / seconds, cpuMicroseconds: cpu / count });
  return { whole: round(ofSidecars + ofGateways), gateways: round(ofGateways) };
}

/** All agents at once. */
async function load({ targets }: GatewayPart, script: string, seconds: number): Promise<{ count: number; seconds: number }> {
  const loads = await Promise.all(targets.map((target) => wrk(target, script, CONNECTIONS, seconds)));
  return { count: loads.reduce((sum, { count }) => sum + count, 0), seconds: Math.max(...loads.map((each) => each.seconds)) };
}

const total = (pids: readonly number[], of: (pid: number) => number): number => pids.reduce((sum, pid) => sum + of(pid), 0);
