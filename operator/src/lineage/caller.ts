/** Who makes a request of the API server: a controller that passes grants on, an agent, or somebody in their own right. */
import type { LaunchNode, Principal } from '@cairn/identity';
import { principalOf, serviceAccountOf, type ServiceAccountName, type UserInfo } from './principal.js';
import { LineageRefusal } from './refusal.js';

/** A controller that is declared to pass on the grant of its own resources: an agent framework's. */
export interface TrustedController {
  /** `namespace/name`. */
  serviceAccount: string;
  /** Kinds of the resources that it acts for, `Kind.group`. */
  kinds: readonly string[];
}

/** The launch that a pod runs, as the operator recorded it. */
export interface PodLaunch {
  node: LaunchNode;
  revoked: boolean;
}

/** What is known of the cluster, answered from memory. */
export interface Launchers {
  /** Whether a pod is an agent's; undefined where nobody knows it (yet). */
  podKind(uid: string): 'agent' | 'other' | undefined;
  launchOfPod(uid: string): PodLaunch | undefined;
  /** Any launch, with the UID of its pod. */
  launch(id: string): (PodLaunch & { pod: string }) | undefined;
  /** Whether the pod runs launches beside its own: it serves requests, each of which is a launch. */
  serves(pod: string): boolean;
  /** Whether nothing redirects the agent's pod to its sidecar: its capture is explicit. */
  isExplicit(pod: string): boolean;
  /** Whether agents' pods run under the service account. */
  isAgentServiceAccount(account: ServiceAccountName): boolean;
}

export type Caller =
  | { kind: 'controller'; passes: readonly string[]; principal: Principal }
  | { kind: 'trusted'; kinds: readonly string[]; principal: Principal }
  /** `referred`: its sidecar said for which of the pod's launches it acts; else it acts by the pod's own. `pod` is a UID. */
  | { kind: 'agent'; parent: LaunchNode; pod: string; serves: boolean; referred: boolean; ran: (launch: string) => boolean }
  | { kind: 'principal'; principal: Principal };

/** Controllers of kube-controller-manager, and the kinds in which each copies a pod template. */
const PASSES: Record<string, readonly string[]> = {
  'deployment-controller': ['ReplicaSet'],
  'cronjob-controller': ['Job'],
  'replicaset-controller': ['Pod'],
  'replication-controller': ['Pod'],
  'statefulset-controller': ['Pod'],
  'daemon-set-controller': ['Pod'],
  'job-controller': ['Pod'],
};
/** kube-controller-manager without --use-service-account-credentials. */
const MANAGER = 'system:kube-controller-manager';

const POD_UID = 'authentication.kubernetes.io/pod-uid';

function passes(username: string, account: ServiceAccountName | undefined): readonly string[] | undefined {
  if (username === MANAGER) return ['ReplicaSet', 'Job', 'Pod'];
  if (account?.namespace !== 'kube-system' || !Object.hasOwn(PASSES, account.name)) return undefined;
  return PASSES[account.name];
}

/** The launch of the pod that a service account's token is bound to; undefined where the pod is no agent. */
function launchOf(pod: string, account: ServiceAccountName, launchers: Launchers): LaunchNode | undefined {
  const launch = launchers.launchOfPod(pod);
  if (launch?.revoked) throw new LineageRefusal('revoked', `launch ${launch.node.launch.id} was revoked; it may launch nothing more`);
  if (launch) return launch.node;
  const kind = launchers.podKind(pod);
  if (kind === 'other') return undefined;
  if (kind === undefined && !launchers.isAgentServiceAccount(account)) return undefined;
  throw new LineageRefusal('unknown-launch', `the launch of the calling agent's pod ${pod} is not known yet; try again`);
}

/** Throws LineageRefusal where an agent calls and its launch can't be told. */
export function callerOf(user: UserInfo, launchers: Launchers, trusted: readonly TrustedController[]): Caller {
  const account = serviceAccountOf(user.username);
  const passing = passes(user.username, account);
  const principal = principalOf(user);
  if (passing) return { kind: 'controller', passes: passing, principal };
  if (!account) return { kind: 'principal', principal };
  const declared = trusted.find(({ serviceAccount }) => serviceAccount === `${account.namespace}/${account.name}`);
  if (declared) return { kind: 'trusted', kinds: declared.kinds, principal };
  const pod = user.extra?.[POD_UID]?.[0];
  if (pod !== undefined) {
    const parent = launchOf(pod, account, launchers);
    if (!parent) return { kind: 'principal', principal };
    const ran = (launch: string): boolean => launchers.launch(launch)?.pod === pod;
    return { kind: 'agent', parent, pod, serves: launchers.serves(pod), referred: false, ran };
  }
  if (!launchers.isAgentServiceAccount(account)) return { kind: 'principal', principal };
  const message = `agents run as ${user.username}, and this token is not bound to one of their pods; use another service account, or the pod's own token`;
  throw new LineageRefusal('unbound-token', message);
}
