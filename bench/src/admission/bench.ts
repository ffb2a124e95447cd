/** The admission webhook beside the least that a webhook can be: latency and CPU of pods a second. */
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { localhostCertificate } from '@cairn/cli';
import type { Latency } from '../measure/latency.js';
import { cpuMicroseconds, endProcess, PROXY_CORE, rssMegabytes, spawnPinned } from '../measure/process.js';
import { progress } from '../measure/progress.js';
import { median, rowsOf, type Measured, type Round } from '../report/row.js';
import type { Section } from '../report/section.js';
import { reviewsAt } from './load.js';

const RATES = [10, 100, 500];
const ROUNDS = 3;
const SECONDS = 4;
const WARM_RATE = 200;
const TRIVIAL = 'trivial webhook';

interface Webhook {
  name: string;
  process: ChildProcess;
  url: string;
}

/** Pods as a ReplicaSet's controller or a person creates them: two containers, some environment, 20 teams. */
function review(index: number): Buffer {
  const container = (name: string): object => ({
    name,
    image: `registry.example.com/${name}:1`,
    env: Array.from({ length: 10 }, (_, variable) => ({ name: `VARIABLE_${variable}`, value: 'some value of ordinary length' })),
    ports: [{ containerPort: 8080 }],
    resources: { requests: { cpu: '100m', memory: '128Mi' }, limits: { memory: '256Mi' } },
    volumeMounts: [{ name: 'data', mountPath: '/data' }],
    terminationMessagePath: '/dev/termination-log',
    imagePullPolicy: 'IfNotPresent',
  });
  const object = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: `agent-${index}`, namespace: 'research', labels: { team: `team-${index % 20}` } },
    spec: { containers: [container('agent'), container('helper')], volumes: [{ name: 'data', emptyDir: {} }] },
  };
  const request = {
    uid: `00000000-0000-4000-8000-${String(index).padStart(12, '0')}`,
    kind: { group: '', version: 'v1', kind: 'Pod' },
    resource: { group: '', version: 'v1', resource: 'pods' },
    operation: 'CREATE',
    name: object.metadata.name,
    namespace: 'research',
    userInfo: { username: 'alice@example.com', groups: ['analysts', 'system:authenticated'] },
    object,
  };
  return Buffer.from(JSON.stringify({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', request }));
}

async function start(name: string, program: string, args: string[]): Promise<Webhook> {
  const main = fileURLToPath(new URL(`./${program}/main.js`, import.meta.url));
  const child = spawnPinned(PROXY_CORE, process.execPath, [main, ...args], { stdio: ['ignore', 'pipe', 'ignore'] });
  for await (const line of createInterface({ input: child.stdout! })) return { name, process: child, url: `${line}/mutate/enrolled` };
  throw new Error(`${name} ended without saying where it listens`);
}

async function measured(webhooks: readonly Webhook[], ca: string, rate: number): Promise<Measured[]> {
  const rounds = new Map(webhooks.map(({ name }) => [name, { rounds: [] as Round[], latencies: [] as Latency[] }]));
  for (let round = 1; round <= ROUNDS; round++) {
    for (const { name, process: child, url } of webhooks) {
      progress(`${name} at ${rate} pods/s, round ${round} of ${ROUNDS}`);
      const cpu = cpuMicroseconds(child.pid!);
      const load = await reviewsAt(url, ca, rate, SECONDS, review);
      const cost = (cpuMicroseconds(child.pid!) - cpu) / load.count;
      rounds.get(name)!.rounds.push({ rate: load.count / load.seconds, cpuMicroseconds: cost });
      rounds.get(name)!.latencies.push(load.latency);
    }
  }
  return webhooks.map(({ name, process: child }) => {
    const { rounds: own, latencies } = rounds.get(name)!;
    const middle = (part: keyof Latency): number => median(latencies.map((each) => each[part]))!;
    const label = (of: string): string => `${of}, ${rate} pods/s`;
    return {
      name: label(name),
      ...(name === TRIVIAL ? {} : { peer: label(TRIVIAL) }),
      rounds: own,
      latency: { p50: middle('p50'), p99: middle('p99') },
      rssMegabytes: rssMegabytes(child.pid!),
    };
  });
}

export async function benchAdmission(): Promise<Section> {
  const folder = mkdtempSync(join(tmpdir(), 'cairn-bench-admission-'));
  const { ca, cert, key } = await localhostCertificate();
  const files = [join(folder, 'tls.crt'), join(folder, 'tls.key')];
  writeFileSync(files[0]!, cert);
  writeFileSync(files[1]!, key);
  const webhooks = [await start(TRIVIAL, 'trivial', files), await start('Cairn', 'webhook', files)];
  try {
    for (const { url } of webhooks) await reviewsAt(url, ca, WARM_RATE, SECONDS, review);
    const rows: Measured[] = [];
    for (const rate of RATES) rows.push(...(await measured(webhooks, ca, rate)));
    const notes = [
      `Pods of 2.5 kB in AdmissionReviews over kept HTTPS connections, open loop, ${ROUNDS} alternating rounds of ${SECONDS} s, medians; each webhook alone on one core, load on the other.`,
      'p50 and p99 are of whole requests, TLS and JSON included; Cairn chooses among 20 policies, signs a grant, injects and logs.',
    ];
    return { title: 'Admission', notes, rows: rowsOf(rows) };
  } finally {
    for (const { process: child } of webhooks) await endProcess(child);
    rmSync(folder, { recursive: true, force: true });
  }
}
