/** What is not as the installation needs it and nobody else puts right. Pure. */
import type { Observation } from '../../kubernetes/index.js';
import type { WebhookConfiguration } from '../certificates/gather.js';
import { changesOf, type FenceFact } from './fence.js';
import { FINDINGS_SHOWN_COUNT } from './limits.js';

export const DRIFT_KINDS = [
  'WebhookMissing',
  'WebhookWeakened',
  'FenceMissing',
  'FenceChanged',
  'PodNotInjected',
  'CaptureBypassed',
] as const;
export type DriftKind = (typeof DRIFT_KINDS)[number];

export interface Finding {
  kind: DriftKind;
  regarding: { kind: string; name: string; namespace?: string; uid?: string };
  /** What is wrong and how to mend it. */
  note: string;
}

export interface DriftFacts {
  /** By kind; undefined: there is none of our name. */
  webhooks: Readonly<Record<'MutatingWebhookConfiguration' | 'ValidatingWebhookConfiguration', WebhookConfiguration | undefined>>;
  /** Their name. */
  name: string;
  /** Every policy and every binding that there has to be. */
  fence: readonly FenceFact[];
  /** Pods of enrolled namespaces that run without a sidecar. */
  uninjected: readonly FoundPod[];
  /** Pods whose sidecars told of connections that went past them. */
  bypassed: readonly FoundPod[];
}

export interface FoundPod {
  name: string;
  namespace: string;
  uid: string;
}

/** The webhook that every pod of an enrolled namespace passes: it must refuse while nobody answers. */
const ENROLLED = 'enrolled.cairn.dev';

export function isWeakened(configuration: WebhookConfiguration): boolean {
  return (configuration.webhooks ?? []).some(({ name, failurePolicy }) => name === ENROLLED && failurePolicy === 'Ignore');
}

function ofWebhooks({ webhooks, name }: DriftFacts): Finding[] {
  return Object.entries(webhooks).flatMap(([kind, configuration]): Finding[] => {
    const regarding = { kind, name };
    const isThere = configuration?.webhooks?.some((each) => each.name === ENROLLED);
    if (!isThere) {
      const note = `${kind} ${name} has no webhook ${ENROLLED}: pods start without sidecars as far as the ValidatingAdmissionPolicy lets them; run helm upgrade`;
      return [{ kind: 'WebhookMissing', regarding, note }];
    }
    const note = `${kind} ${name} let everything pass while the operator was down (failurePolicy Ignore); it is put back to Fail`;
    return isWeakened(configuration!) ? [{ kind: 'WebhookWeakened', regarding, note }] : [];
  });
}

/** The operator may not write its own fence, so that whoever takes the operator over can't open it: it tells. */
function ofFence({ fence }: DriftFacts): Finding[] {
  return fence.flatMap(({ kind, expected, found }): Finding[] => {
    const regarding = { kind, name: expected.metadata.name! };
    const mend = 'run helm upgrade with the version and values of the operator';
    if (!found)
      return [{ kind: 'FenceMissing', regarding, note: `${kind} ${regarding.name} is gone, and with it what it refuses; ${mend}` }];
    const changes = changesOf(kind, expected, found);
    const note = `${kind} ${regarding.name} is not as this operator renders it (${changes.join(', ')}) and may let pass what it has to refuse; ${mend}`;
    return changes.length > 0 ? [{ kind: 'FenceChanged', regarding, note }] : [];
  });
}

/** The operator deletes no pod: the notes say who has to. */
function ofPods({ uninjected, bypassed }: DriftFacts): Finding[] {
  const found =
    (kind: DriftKind, note: string) =>
    (pod: FoundPod): Finding => ({ kind, regarding: { kind: 'Pod', ...pod }, note });
  const alone =
    'this pod runs in an enrolled namespace without a sidecar, so the fence leaves it no way out; delete it, and its owner makes it anew';
  const past =
    'connections of this pod went past its sidecar, because its capture rules do not hold; find out who took them away, and delete the pod; its owner makes it anew';
  return [...uninjected.map(found('PodNotInjected', alone)), ...bypassed.map(found('CaptureBypassed', past))];
}

export function driftOf(facts: DriftFacts): Finding[] {
  return [...ofWebhooks(facts), ...ofFence(facts), ...ofPods(facts)];
}

/** What the findings mean for the agents of one namespace: those of the installation, and those of its own pods. */
export function enforcedIn(namespace: string, enrolled: boolean, findings: readonly Finding[]): Observation {
  const said = (status: Observation['status'], reason: string, message: string): Observation => ({
    type: 'Enforced',
    status,
    reason,
    message,
  });
  if (!enrolled)
    return said('False', 'NotEnrolled', 'The namespace has no label cairn.dev/enroll=true: pods without a sidecar pass the policy by.');
  const concerning = findings.filter(({ regarding }) => regarding.namespace === undefined || regarding.namespace === namespace);
  const [first] = concerning;
  if (!first)
    return said(
      'True',
      'LayersHold',
      'Admission and its fence are as installed, every pod of the namespace has its sidecar, and none goes past it.',
    );
  const shown = concerning.slice(0, FINDINGS_SHOWN_COUNT).map(({ regarding, note }) => `${regarding.kind} ${regarding.name}: ${note}`);
  const more = concerning.length > shown.length ? ` And ${concerning.length - shown.length} more.` : '';
  return said('False', first.kind, `${shown.join('. ')}.${more}`);
}

/** The webhooks with their failure policy as it must be. */
export function strengthened({ webhooks = [] }: WebhookConfiguration): object {
  return { webhooks: webhooks.map((each) => (each.name === ENROLLED ? { ...each, failurePolicy: 'Fail' } : each)) };
}
