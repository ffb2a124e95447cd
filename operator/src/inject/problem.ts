/** What injection has to say about an object, as plain data: the webhook, the CLI and Events word it their own way. */

import type { PolicyChoiceProblem } from '@cairn/crds';

export type ProblemCode =
  | 'unknown-annotation'
  | 'invalid-annotation'
  | 'misplaced-annotation'
  | PolicyChoiceProblem['code']
  | 'opt-out'
  | 'agent-name'
  | 'old-cluster'
  | 'pod-security'
  | 'windows'
  | 'privileged'
  | 'host-network'
  | 'host-namespace'
  | 'host-path'
  | 'capability-removed'
  | 'sidecar-uid'
  | 'service-account-token'
  | 'credential-mounted'
  | 'network-probe'
  | 'port-collision'
  | 'mount-collision'
  | 'reserved-name'
  | 'too-many-containers';

export interface Problem {
  /** An error refuses the object; a warning is told and the object passes. */
  severity: 'error' | 'warning';
  code: ProblemCode;
  /** Path inside the object, as kubectl writes it. */
  path: string;
  /** A sentence: what is wrong and how to mend it. */
  message: string;
}

export type SkipReason = 'unsupported-kind' | 'not-enrolled' | 'opted-out' | 'host-network';

const sentences: Record<SkipReason, string> = {
  'unsupported-kind': 'It has no pod template, so there is nothing to inject into.',
  'not-enrolled':
    'It does not ask for a sidecar (annotation cairn.dev/inject: "true" on the pod template) and its namespace is not enrolled (label cairn.dev/enroll=true).',
  'opted-out': 'Its pod template says cairn.dev/inject: "false".',
  'host-network': "It uses the node's own network (hostNetwork: true), where capturing traffic would capture the whole node's.",
};

/** Why an object got no sidecar, in one sentence. */
export function skipSentence(reason: SkipReason): string {
  return sentences[reason];
}
