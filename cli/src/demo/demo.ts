/** The demo: three nested agents on this machine, every action attributed to the person, provable. Reads as its steps. */
import { copyFile } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import type { Capture } from './capture/capture.js';
import { chooseCapture } from './capture/choose.js';
import { Cleanup } from './cleanup.js';
import { approve, ask, askAsNobody, heldStatement, QUESTION } from './conversation.js';
import { startControlPlane, type ControlPlane } from './control-plane.js';
import { cairn, eventsOf, ingestSpools, tamperedCopy } from './evidence.js';
import { DemoError } from './failure.js';
import { openFolder, type DemoFolder } from './folder.js';
import { readManifests, type Manifests } from './manifests.js';
import { startCrm } from './parts/crm.js';
import { startOidcProvider, type OidcProvider } from './parts/oidc.js';
import { startOrders } from './parts/orders.js';
import { ALICE, BOB } from './people.js';
import { keepSpool, placePods, serviceAddresses, startPod, type PlacedPod } from './pods.js';
import type { Progress } from './progress.js';
import { answered, held, whatNext } from './story.js';

export interface DemoOptions {
  /** Folder of the project: images, examples and tools stand there. */
  project: string;
  /** Folder that the evidence is left in. */
  folder: string;
  capture: Capture['kind'] | undefined;
}

interface Stage {
  options: DemoOptions;
  progress: Progress;
  cleanup: Cleanup;
  folder: DemoFolder;
  capture: Capture;
}

interface Parts {
  manifests: Manifests;
  oidc: OidcProvider;
  control: ControlPlane;
  /** Where the targets that are no agents really are. */
  addresses: Record<string, string>;
}

function secret(manifests: Manifests, name: string): Record<string, string> {
  const found = manifests.secrets.get(name);
  if (!found) throw new DemoError(`the examples have no Secret ${name}`, 'Restore them from git.');
  return found;
}

async function startParts({ options, progress, cleanup, folder, capture }: Stage): Promise<Parts> {
  const examples = join(options.project, 'examples', 'research');
  const manifests = await readManifests(examples);
  const account = secret(manifests, 'orders-rw');
  const database = async (): Promise<string> => {
    const part = await startOrders(
      { username: account['username']!, password: account['password']! },
      join(examples, 'orders.sql'),
      capture.host,
    );
    cleanup.defer(() => part.stop());
    progress.step(`PostgreSQL listens on port ${part.port}`);
    return `${capture.host}:${part.port}`;
  };
  const contacts = async (): Promise<string> => {
    const part = await startCrm(secret(manifests, 'crm')['token']!, capture.host);
    cleanup.defer(() => part.stop());
    return `${capture.host}:${part.port}`;
  };
  const login = async (): Promise<OidcProvider> => {
    const part = await startOidcProvider();
    cleanup.defer(() => part.close());
    progress.step(`OpenID Connect provider at ${part.issuer}`);
    return part;
  };
  const [orders, crm, oidc] = await Promise.all([database(), contacts(), login()]);
  manifests.provider.spec.oidc.issuer = oidc.issuer;
  const control = await startControlPlane(folder, manifests.provider, capture.host);
  cleanup.defer(() => control.stop());
  progress.step(`operator: tokens, policy, approvals and witness at ${control.url}`);
  return { manifests, oidc, control, addresses: { 'orders.data.svc:5432': orders, 'crm.sales.svc:80': crm } };
}

/** Starts every agent behind its sidecar; what stop() returns are the spools. */
async function startAgents(stage: Stage, parts: Parts): Promise<{ planner: string; stop: () => Promise<string[]> }> {
  const { progress, cleanup, folder, capture, options } = stage;
  const { manifests, control } = parts;
  const placed = await placePods(manifests, capture);
  const addresses = { ...parts.addresses, ...serviceAddresses(manifests.services, placed) };
  const images = (image: string): string => (image.startsWith('cairn/agents:') ? join(options.project, 'examples') : options.project);
  const context = { manifests, capture, control, folder, images, addresses };
  const start = async (each: PlacedPod): Promise<() => Promise<void>> => {
    const running = await startPod(each, context);
    cleanup.defer(() => running.stop());
    progress.step(`${running.pod.metadata.name}: agent and sidecar are ready`);
    return running.stop;
  };
  const outcomes = await Promise.allSettled(placed.map(start));
  const failure = outcomes.find((each) => each.status === 'rejected');
  if (failure) throw failure.reason;
  const stops = outcomes.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
  const stop = async (): Promise<string[]> => {
    await Promise.all(stops.map((each) => each()));
    return Promise.all(placed.map(({ pod }) => keepSpool(pod, folder)));
  };
  return { planner: addresses['planner.research.svc:80']!, stop };
}

async function accessToken(oidc: OidcProvider, user: string): Promise<string> {
  return (await oidc.login({ user })).accessToken;
}

async function approveHeld(progress: Progress, control: ControlPlane, bob: string, signal: AbortSignal): Promise<void> {
  const approval = await heldStatement(control.url, bob, signal);
  progress.step(held(approval));
  await approve(control.url, bob, approval, 'goodwill credit, agreed with support');
  progress.step(`${BOB.name} (${BOB.groups.join(', ')}) approved it`);
}

async function converse({ progress }: Stage, { oidc, control }: Parts, planner: string): Promise<void> {
  const refused = await askAsNobody(planner);
  if (refused < 400) throw new DemoError(`somebody without a token was answered ${refused}`, 'See the sidecar logs in .cairn/demo/logs.');
  progress.step(`somebody without a token asks the planner: ${refused}`);
  const [alice, bob] = await Promise.all([accessToken(oidc, ALICE.login), accessToken(oidc, BOB.login)]);
  progress.step(`${ALICE.name} (${ALICE.groups.join(', ')}) logged in and asks the planner: "${QUESTION}"`);
  const failed = new AbortController();
  const asking = ask(planner, alice).catch((error: unknown) => {
    failed.abort();
    throw error;
  });
  const [answer] = await Promise.all([asking, approveHeld(progress, control, bob, failed.signal)]);
  progress.step('the chain answered');
  progress.say(answered(answer));
}

async function keepEvidence({ progress, folder }: Stage, control: ControlPlane, stopPods: () => Promise<string[]>): Promise<void> {
  const spools = await stopPods();
  await control.stop();
  await copyFile(join(folder.run, 'operator', 'witness.jsonl'), join(folder.root, 'witness.jsonl'));
  const events = ingestSpools(folder.root, spools);
  progress.step(`pods stopped, ${events} events in the ledger`);
}

/** Shows the trail, its verdict, what verification says of an altered copy, and what to try next. */
async function showEvidence({ options, progress, folder }: Stage): Promise<void> {
  const shown = relative(process.cwd(), folder.root) || '.';
  const show = (text: string): void => progress.raw(text);
  const events = eventsOf(folder.root, ALICE.name);
  const chain = events[0]?.event.launch?.chain;
  const write = events.find(({ event }) => event.stage === 'intent' && event.operation?.verb === 'UPDATE')?.event;
  const masked = events.find(({ event }) => event.protocol === 'postgres' && event.masked && event.response?.payload)?.event;
  if (chain === undefined || !write || !masked)
    throw new DemoError('the ledger does not have what Alice set in motion', `Run: npx cairn verify ${shown}`);
  progress.say('\nThe trail:\n');
  if ((await cairn(options.project, ['tree', chain, '--ledger', folder.root], show)).code !== 0) {
    throw new DemoError('the trail could not be shown', `Run: npx cairn tree ${chain} --ledger ${shown}`);
  }
  progress.say(`\nIs it whole?  npx cairn verify ${shown}\n`);
  const whole = await cairn(options.project, ['verify', folder.root], show);
  if (whole.code !== 0) throw new DemoError('the evidence does not verify', `Run: npx cairn verify ${shown}`);
  progress.say(`\nNow somebody with access to a copy of the database puts ${BOB.name} in Alice's place, in one event (${write.id}):\n`);
  const copy = join(folder.run, 'tampered');
  await tamperedCopy(folder.root, copy, write.id, ALICE.name, BOB.name);
  const altered = await cairn(options.project, ['verify', copy], show);
  if (altered.code !== 1 || !altered.output.includes(write.id))
    throw new DemoError('verify did not name the altered event', 'Report this: it must never happen.');
  progress.say(`\n${whatNext(shown, chain, masked.id)}\n`);
}

/** Runs the demo to its end. Throws DemoError with what to do next; whatever was started is stopped either way. */
export async function runDemo(options: DemoOptions, progress: Progress, cleanup: Cleanup): Promise<void> {
  const folder = await openFolder(resolve(options.folder));
  cleanup.defer(() => folder.remove());
  const capture = await chooseCapture(options.project, options.capture);
  cleanup.defer(() => capture.close());
  progress.step(`${capture.kind} capture: ${capture.reason}`);
  const stage: Stage = { options, progress, cleanup, folder, capture };
  const parts = await startParts(stage);
  const agents = await startAgents(stage, parts);
  await converse(stage, parts, agents.planner);
  await keepEvidence(stage, parts.control, agents.stop);
  await showEvidence(stage);
}
