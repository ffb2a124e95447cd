/** The watchdog: what somebody changed around the operator is told by Event, condition and metric, and put right where it may be. */
import { AUDIT_POLICIES, PODS, type KubernetesClient, type Namespace, type Pod, type Resource } from '../../kubernetes/index.js';
import { AGENT_LABEL, ENROLL_LABEL } from '../../names.js';
import type { OperatorContext } from '../../context.js';
import { changed } from '../../state/conflicts.js';
import { WEBHOOKS } from '../certificates/gather.js';
import type { LeaderController, Leading } from '../leading.js';
import { report } from '../report.js';
import { isBypassed, type CapturedOptions } from './captured.js';
import { DRIFT_KINDS, driftOf, enforcedIn, isWeakened, strengthened, type DriftFacts, type Finding, type FoundPod } from './decide.js';
import { FENCE, fenceFacts } from './gather.js';
import { LOOK_MS, TOLD_PODS_COUNT } from './limits.js';

/** There is one thing to look at: the installation. */
const KEY = 'installation';
/** Beside the other controllers, which apply conditions of their own. */
const MANAGER = 'cairn-operator-drift';

export interface DriftContext {
  caches: Pick<OperatorContext['caches'], 'namespaces' | 'policies' | 'pods' | 'mutating' | 'validating' | 'fence'>;
  events: Pick<OperatorContext['events'], 'record'>;
  metrics: Pick<OperatorContext['metrics'], 'drift'>;
  config: { webhook: { name: string } };
  state: Pick<CapturedOptions, 'streams'>;
}

export { markBypassed } from './captured.js';

export function drift({ context, client }: { context: DriftContext; client: Leading['client'] }): LeaderController {
  const { caches } = context;
  return {
    name: 'drift',
    workers: 1,
    async reconcile() {
      const facts = await gather(context, client);
      const findings = driftOf(facts);
      tell(context, findings);
      await repair(client, facts);
      await condition(context, client, findings);
      return { afterMs: LOOK_MS };
    },
    feed(queue) {
      const look = (): void => queue.add(KEY);
      const all = { added: look, updated: look, deleted: look };
      const watched = [caches.mutating, caches.validating, ...caches.fence.map(({ cache }) => cache)];
      const ends = watched.map((cache) => cache.subscribe(all));
      // A policy that is new has no condition yet; one that changed has it for its last generation.
      ends.push(
        caches.policies.subscribe({
          added: look,
          updated: ({ metadata }, previous) => void (metadata.generation === previous.metadata.generation || look()),
        }),
        context.state.streams.subscribe({ updated: (now, before) => void (isBypassed(now) === isBypassed(before) || look()) }),
        caches.namespaces.subscribe({ updated: (now, before) => void (isEnrolled(now) === isEnrolled(before) || look()) }),
      );
      look();
      return () => ends.forEach((end) => end());
    },
  };
}

async function gather({ caches, config, state }: DriftContext, client: KubernetesClient): Promise<DriftFacts> {
  const { name } = config.webhook;
  const enrolled = [...caches.namespaces.store.all()].filter(isEnrolled);
  const uninjected: DriftFacts['uninjected'][number][] = [];
  for (const { metadata } of enrolled) {
    // In memory there are agents' pods alone.
    const { items } = await client.list(PODS, { namespace: metadata.name!, labelSelector: `!${AGENT_LABEL}` });
    for (const pod of items.filter(isRunning))
      uninjected.push({ name: pod.metadata.name!, namespace: metadata.name!, uid: pod.metadata.uid! });
  }
  return {
    webhooks: {
      MutatingWebhookConfiguration: caches.mutating.store.get({ name }),
      ValidatingWebhookConfiguration: caches.validating.store.get({ name }),
    },
    name,
    fence: fenceFacts(caches.fence),
    uninjected,
    bypassed: bypassed(caches, state),
  };
}

/** Of pods that still run, each once, however many streams it has. */
function bypassed({ pods }: DriftContext['caches'], { streams }: DriftContext['state']): FoundPod[] {
  const uids = new Set([...streams.store.all()].filter(isBypassed).map(({ spec }) => spec.pod.uid));
  return [...uids].flatMap((uid) =>
    [...pods.store.by('uid', uid)]
      .filter(isRunning)
      .map(({ metadata: { name, namespace } }) => ({ name: name!, namespace: namespace!, uid })),
  );
}

function isRunning({ status, metadata }: Pod): boolean {
  return metadata.deletionTimestamp === undefined && status?.phase !== 'Succeeded' && status?.phase !== 'Failed';
}

const RESOURCES: Readonly<Record<string, Resource>> = {
  MutatingWebhookConfiguration: WEBHOOKS.mutating,
  ValidatingWebhookConfiguration: WEBHOOKS.validating,
  ...FENCE,
  Pod: PODS,
};

function tell({ events, metrics }: DriftContext, findings: readonly Finding[]): void {
  for (const kind of DRIFT_KINDS) metrics.drift(kind, findings.filter((each) => each.kind === kind).length);
  for (const { kind, regarding, note } of findings.slice(0, TOLD_PODS_COUNT)) {
    events.record({ resource: RESOURCES[regarding.kind]!, metadata: regarding }, { type: 'Warning', reason: kind, action: 'Watch', note });
  }
}

/** AuditPolicies are what is not held to: theirs is the condition. */
async function condition({ caches }: DriftContext, client: KubernetesClient, findings: readonly Finding[]): Promise<void> {
  const now = new Date().toISOString();
  for (const policy of caches.policies.store.all()) {
    const namespace = policy.metadata.namespace!;
    const enrolled = isEnrolled(caches.namespaces.store.get({ name: namespace }));
    await report(client, AUDIT_POLICIES, policy, { observation: enforcedIn(namespace, enrolled, findings), manager: MANAGER, now });
  }
}

function isEnrolled(namespace: Namespace | undefined): boolean {
  return namespace?.metadata.labels?.[ENROLL_LABEL] === 'true';
}

async function repair(client: KubernetesClient, { webhooks }: DriftFacts): Promise<void> {
  for (const [kind, known] of Object.entries(webhooks)) {
    if (!known || !isWeakened(known)) continue;
    const resource = RESOURCES[kind] as typeof WEBHOOKS.mutating;
    await changed(
      client,
      resource,
      { name: known.metadata.name! },
      { known, decide: (each) => (isWeakened(each) ? strengthened(each) : undefined) },
    );
  }
}
