/** The main job in a cluster, from nothing, told step by step. Reads as its steps. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import type { AuditEvent } from '@cairn/audit';
import { tamperedCopy } from '@cairn/cli';
import { attachCluster, type Cluster } from '../../harness/cluster/index.js';
import { project } from '../../demo/run.js';
import { isAnswered, isWitnessed, WITNESS_FILE } from '../main-job/evidence.js';
import { NAMESPACE, startMainJob, type MainJob } from '../main-job/job.js';
import { answerOf, approve, ask, heldOperation, QUESTION } from '../main-job/people.js';
import { answered, whatNext } from './story.js';

const ALICE = 'alice@example.com';

export interface Teller {
  /** A step that is done. */
  step: (text: string) => void;
  say: (text: string) => void;
}

/** Rejects where a step fails or does not show what it claims. The cluster stays up either way. */
export async function runDemo({ step, say }: Teller): Promise<void> {
  const cluster = await attachCluster();
  step(`the cluster ${cluster.name} is up: node ${cluster.nodeName}`);
  const folder = join(project, '.cairn', 'cluster-demo');
  const job = await startMainJob(cluster, { provider: 'oidc-provider', folder, step });
  await converse(job, { step, say });
  const chain = await showTrail(job, { step, say });
  await showProof(job, chain, { step, say });
  say(`\n${whatNext(cluster, relative(process.cwd(), folder) || '.')}\n`);
}

async function converse(job: MainJob, { step, say }: Teller): Promise<void> {
  const refused = await ask(job.planner, undefined);
  await refused.body?.cancel();
  if (refused.ok) throw new Error(`somebody without a token was answered ${refused.status}`);
  step(`somebody without a token asks the planner: ${refused.status}`);
  const token = await job.provider.login('alice');
  step(`${ALICE} (analysts) logged in and asks the planner: "${QUESTION}"`);
  const asking = ask(job.planner, token).then(answerOf);
  const [answer] = await Promise.all([asking, Promise.race([decide(job.cluster, step), asking])]);
  step('the chain answered');
  say(answered(answer));
  say(await job.cluster.kubectl(['get', 'pods,agentlaunches', '-n', NAMESPACE]));
}

async function decide(cluster: Cluster, step: Teller['step']): Promise<void> {
  const held = await heldOperation(cluster, NAMESPACE);
  const { actor, summary } = held.spec.request;
  const path = actor.launch?.path.map((agent) => agent.split('/').at(-1)).join(' -> ') ?? actor.agent.name;
  step(`held for approval: ${summary.replaceAll(/\s+/g, ' ').trim()}   (${actor.root?.name ?? 'nobody'} via ${path})`);
  await approve(cluster, held);
  step('bob@example.com (db-owners) approved it with kubectl');
}

async function showTrail({ evidence }: MainJob, { step, say }: Teller): Promise<AuditEvent[]> {
  const found = await evidence.eventsWhen(ALICE, 'the end of the chain in Kafka', (all) => all.some(({ event }) => isAnswered(event)));
  step(`${found.length} events of Alice's came through Kafka into a ledger`);
  const { code, output } = await evidence.cairn('tree', found[0]!.event.launch!.chain, '--ledger', '.');
  if (code !== 0) throw new Error(output);
  say(`\nThe trail:\n\n${output}`);
  return found.map(({ event }) => event);
}

async function showProof({ evidence }: MainJob, chain: readonly AuditEvent[], { say }: Teller): Promise<void> {
  say('Is it whole? The API server keeps what the operator witnessed: kubectl get auditstreams\n');
  const held = await evidence.verified(
    'evidence that holds, witnessed to its end',
    ({ code, output }) => code === 0 && isWitnessed(output),
  );
  say(held.output);
  const write = chain.find(({ stage, operation }) => stage === 'intent' && operation?.verb === 'UPDATE');
  if (!write) throw new Error('the trail has no UPDATE');
  say(`Now somebody with access to a copy of the ledger puts bob@example.com in Alice's place, in one event (${write.id}):\n`);
  const copy = await mkdtemp(join(tmpdir(), 'cairn-tampered-'));
  try {
    await tamperedCopy(evidence.folder, copy, write.id, ALICE, 'bob@example.com');
    const { code, output } = await evidence.cairn('verify', copy, '--witness', WITNESS_FILE);
    if (code !== 1 || !output.includes(write.id)) throw new Error(`verify did not name the altered event:\n${output}`);
    say(output);
  } finally {
    await rm(copy, { recursive: true, force: true });
  }
}
