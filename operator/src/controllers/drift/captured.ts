/** That connections of a pod went past its sidecar stands on the pod's streams, which do not hold all that it did: there every replica sees it. */
import type { AuditStream } from '@cairn/crds';
import type { PodReference } from '@cairn/identity';
import type { KubernetesClient, Observation, Reflector } from '../../kubernetes/index.js';
import { AUDIT_STREAMS } from '../../state/index.js';
import { report } from '../report.js';

/** Beside the witness, which writes of the same object. */
const MANAGER = 'cairn-operator-capture';

export interface CapturedOptions {
  client: KubernetesClient;
  /** Index `pod`: UIDs. */
  streams: Reflector<AuditStream>;
}

/** Writes the condition on every stream of the pod that has not ended. */
export async function markBypassed({ client, streams }: CapturedOptions, pod: PodReference, message: string): Promise<void> {
  const observation: Observation = { type: 'Captured', status: 'False', reason: 'CaptureBypassed', message };
  const now = new Date().toISOString();
  for (const stream of streams.store.by('pod', pod.uid)) {
    if (!isEnded(stream)) await report(client, AUDIT_STREAMS, stream, { observation, manager: MANAGER, now });
  }
}

const isEnded = ({ status }: AuditStream): boolean => status?.state === 'Closed' || status?.state === 'Lost';

export function isBypassed({ status }: AuditStream): boolean {
  return status?.conditions?.some(({ type, status: holds }) => type === 'Captured' && holds === 'False') ?? false;
}
