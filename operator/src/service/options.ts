import type { Bundle, OidcProviderSpec } from '@cairn/crds';
import type { PodReference, Workload, WorkloadVerifier } from '@cairn/identity';
import type { Log } from './http/basics.js';
import type { KeyRing } from './state/key-ring.js';

/** What the operator knows of an agent's pod from its injection. */
export interface AgentDescription {
  name: string;
  namespace: string;
  /** identity.maxDepth and identity.allowLoops of its policy. */
  maxDepth: number;
  allowLoops: boolean;
}

export interface OperatorServiceOptions {
  /** Default: the address that it listens on. No trailing slash. */
  issuer?: string;
  /** Folder for streams.jsonl, witness.jsonl, approvals.jsonl, revocations.jsonl and keys.json; made if absent. */
  stateFolder: string;
  /** Default: kept in the state folder. */
  keys?: KeyRing;
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
