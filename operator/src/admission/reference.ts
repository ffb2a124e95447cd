/** The launch reference that a sidecar puts on what its agent creates, taken off before anything is stored. */
import { REFERENCE_ANNOTATION } from '@cairn/audit';
import type { KubernetesObject } from '../inject/index.js';
import type { PatchOperation } from './patch.js';

export const TAKE_REFERENCE_OFF: PatchOperation = {
  op: 'remove',
  path: `/metadata/annotations/${REFERENCE_ANNOTATION.replaceAll('/', '~1')}`,
};

export interface Referring {
  /** Without the reference. */
  object: KubernetesObject | undefined;
  reference: string | undefined;
}

export function referenceOn(object: KubernetesObject | undefined): Referring {
  const { [REFERENCE_ANNOTATION]: reference, ...annotations } = object?.metadata?.annotations ?? {};
  if (!object || reference === undefined) return { object, reference: undefined };
  return { object: { ...object, metadata: { ...object.metadata, annotations } }, reference };
}
