import type { Bundle, OidcProviderSpec } from '@cairn/crds';
import type { PodReference, Workload, WorkloadVerifier } from '@cairn/identity';
import type { Log } from './http/basics.js';
import type { OpenStores } from './stores.js';

/** What the operator knows of an agent's pod from its injection. */
export interface AgentDescription {
  name: string;
  namespace: string;
  /** identity.maxDepth and identity.allowLoops of its policy. */
  maxDepth: number;
  allowLoops: boolean;
  /** Name of that policy. */
  policy?: string;
}

export interface OperatorServiceOptions {
  /** Default: the address that it listens on. No trailing slash. */
  issuer?: string;
  /** What outlives the process: `fileStores(folder)`, or objects of a cluster. */
  stores: OpenStores;
  workloads: WorkloadVerifier;
  providers: readonly OidcProviderSpec[];
  /** undefined: no policy applies to the pod (answered 404). */
  bundleFor(pod: PodReference, workload: Workload): Bundle | undefined | Promise<Bundle | undefined>;
  /** undefined: no pod of ours (answered 403). */
  agentOf(pod: PodReference): AgentDescription | undefined | Promise<AgentDescription | undefined>;
  /** Groups whose members may revoke launches and see every approval. */
  adminGroups?: readonly string[];
  /** Lifetime of launch tokens; default 900. */
  launchSeconds?: number;
  /** Milliseconds. */
  clock?: () => number;
  log?: Log;
}
