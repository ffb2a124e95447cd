/** For tests: people, agents and workloads of one namespace. */
import { firstLaunch, nextLaunch, type LaunchNode } from '@cairn/identity';
import type { Container, KubernetesObject } from '../inject/index.js';
import type { Launchers } from './caller.js';
import type { UserInfo } from './principal.js';

export const ALICE: UserInfo = { username: 'alice@example.com', groups: ['analysts', 'system:authenticated'] };
export const BOB: UserInfo = { username: 'bob@example.com', groups: ['system:authenticated'] };

export const controller = (name: string): UserInfo => ({ username: `system:serviceaccount:kube-system:${name}`, uid: `uid-${name}` });

/** The token of a pod, as the API server describes it. */
export const podUser = (account: string, pod: string): UserInfo => ({
  username: `system:serviceaccount:research:${account}`,
  uid: `uid-${account}`,
  groups: ['system:serviceaccounts', 'system:serviceaccounts:research'],
  extra: { 'authentication.kubernetes.io/pod-name': [pod], 'authentication.kubernetes.io/pod-uid': [`uid-${pod}`] },
});

const alice = { iss: 'kubernetes', sub: ALICE.username, name: ALICE.username, groups: ALICE.groups!, authn: 'kubernetes' as const };
export const PLANNER: LaunchNode = firstLaunch(alice, 'research/planner', '01890000-0000-7000-8000-000000000001');
export const RESEARCHER: LaunchNode = nextLaunch(
  PLANNER,
  'research/researcher',
  { maxDepth: 5, allowLoops: false },
  '01890000-0000-7000-8000-000000000002',
);

/** Bob's request at `serving-0`, which runs a launch of Alice's. */
export const SERVED: LaunchNode = firstLaunch(
  { ...alice, sub: BOB.username, name: BOB.username },
  'research/planner',
  '01890000-0000-7000-8000-000000000003',
);

/** Pods `planner-0` and `researcher-0` run launches; `revoked-0` ran one; `starting-0` is an agent whose launch is not known yet. */
export const LAUNCHERS: Launchers = {
  podKind: (uid) => (uid === 'uid-bystander-0' ? 'other' : uid.startsWith('uid-') && uid !== 'uid-unseen-0' ? 'agent' : undefined),
  launchOfPod: (uid) => {
    if (uid === 'uid-planner-0' || uid === 'uid-serving-0') return { node: PLANNER, revoked: false };
    if (uid === 'uid-researcher-0') return { node: RESEARCHER, revoked: false };
    return uid === 'uid-revoked-0' ? { node: PLANNER, revoked: true } : undefined;
  },
  launch: (id) => (id === SERVED.launch.id ? { node: SERVED, revoked: false, pod: 'uid-serving-0' } : undefined),
  serves: (pod) => pod === 'uid-serving-0',
  isExplicit: (pod) => pod === 'uid-researcher-0',
  isAgentServiceAccount: ({ namespace, name }) => namespace === 'research' && name === 'agents',
};

const container: Container = { name: 'agent', image: 'planner:1', env: [{ name: 'A', value: '1' }] };

export function deployment(changes: { annotations?: Record<string, string>; image?: string; replicas?: number } = {}): KubernetesObject {
  const { annotations = {}, image = 'planner:1', replicas = 1 } = changes;
  const template = { metadata: { labels: { app: 'planner' }, annotations }, spec: { containers: [{ ...container, image }] } };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'planner', namespace: 'research' },
    spec: { replicas, selector: { matchLabels: { app: 'planner' } }, template },
  };
}

/** A pod as a controller makes it of a template, completed by admission plugins. */
export function podOf(owner: { apiVersion: string; kind: string; name: string }, grant?: string): KubernetesObject {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      generateName: `${owner.name}-`,
      namespace: 'research',
      labels: { app: 'planner', 'pod-template-hash': '5d4f' },
      annotations: grant === undefined ? {} : { 'cairn.dev/grant': grant },
      ownerReferences: [{ ...owner, uid: 'u', controller: true, blockOwnerDeletion: true }],
    },
    spec: {
      serviceAccountName: 'default',
      priority: 0,
      containers: [{ ...container, env: [...container.env!, { name: 'JOB_COMPLETION_INDEX', value: '1' }] }],
      volumes: [{ name: 'kube-api-access-abcde', projected: { sources: [] } }],
    },
  };
}

export const replicaSet = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'planner-5d4f' };
