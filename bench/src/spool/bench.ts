/** The spool alone: events chained, signed and written, without a sidecar around it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createStreamWriter, uuidv7 } from '@cairn/audit';
import { progress } from '../measure/progress.js';
import { rowsOf, type Round } from '../report/row.js';
import type { Section } from '../report/section.js';

const ROUNDS = 5;
const EVENTS = 40_000;
/** Events that connections of one turn of the loop append before its flush. */
const TURNS = [1, 32];
const agent = { name: 'bench', namespace: 'research', node: 'node', pod: 'bench-0', uid: 'uid' };

export async function benchSpool(): Promise<Section> {
  const measured = [];
  for (const turn of TURNS) {
    const rounds: Round[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      progress(`spool, ${turn} events a flush, round ${round + 1} of ${ROUNDS}`);
      rounds.push(await oneRound(turn));
    }
    measured.push({ name: `spool, ${turn} events a flush`, rounds });
  }
  return {
    title: 'Spool',
    notes: [`Events of 900 B, ${EVENTS} a round: canonical line, SHA-256 chain, checkpoints, one write a flush, group fdatasync.`],
    rows: rowsOf(measured),
  };
}

async function oneRound(turn: number): Promise<Round> {
  const dir = mkdtempSync(join(tmpdir(), 'cairn-bench-spool-'));
  const writer = await createStreamWriter({ dir, agent, certify: async () => 'certificate' });
  try {
    const cpu = process.cpuUsage();
    const begun = performance.now();
    for (let index = 0; index < EVENTS;) {
      for (const end = Math.min(EVENTS, index + turn); index < end; index++) writer.append(...halves(index));
      writer.flush();
      // Lets the group sync and checkpoints have their turns, as a data path does.
      await new Promise((resolve) => setImmediate(resolve));
    }
    await writer.synced();
    const seconds = (performance.now() - begun) / 1000;
    const { user, system } = process.cpuUsage(cpu);
    return { rate: EVENTS / seconds, cpuMicroseconds: (user + system) / EVENTS };
  } finally {
    await writer.close('done');
    rmSync(dir, { recursive: true, force: true });
  }
}

const STATEMENT = JSON.stringify(`SELECT ${'x'.repeat(330)}`);

function halves(index: number): [string, string] {
  const id = uuidv7();
  const operation = `"operation":{"effect":"read","resource":"orders","statement":${STATEMENT},"verb":"SELECT"}`;
  const session = `"session":{"direction":"outbound","id":"bench","seq":${index}}`;
  return [
    `{"agent":${AGENT},"id":"${id}"`,
    `${operation},"protocol":"postgres",${session},"stage":"intent","time":"2026-11-22T09:00:00.000000001Z"}`,
  ];
}

const AGENT = JSON.stringify(agent);
