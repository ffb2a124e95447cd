import type { Bundle, IdentityProviderSpec } from '@cairn/crds';
import type { GrantOwner, PodReference, Workload, WorkloadVerifier } from '@cairn/identity';
import type { Log } from './http/basics.js';
import type { OpenStores } from './stores.js';
import type { TokenReviews } from './workloads/index.js';

/** What the operator knows of an agent's pod from its injection. */
export interface AgentDescription {
  name: string;
  namespace: string;
  /** identity.maxDepth and identity.allowLoops of its policy. */
  maxDepth: number;
  allowLoops: boolean;
  /** Name of that policy. */
  policy?: string;
  /** The pod and what made it, from the pod up: what a grant's owner must be one of. */
  owners?: readonly GrantOwner[];
  /** Hash over what the pod runs, to compare with a grant's template. */
  template?: string;
}

/** Certificates of pods for the way between sidecars and the gateway; both PEM. */
export interface PodCertificates {
  /** For the key (SPKI, DER), by what the certificate is to be good for. */
  issue(publicKey: Buffer, use: CertificateUse): Promise<{ certificate: string; expires: Date }>;
  /** CAs by which either end verifies the other. */
  bundle: () => string;
}

/** A sidecar shows who it is; a gateway serves under its names. */
export type CertificateUse = { client: string } | { server: readonly string[] };

export interface GatewayOptions {
  /** Whether a pod is one of the gateway's: known by its namespace and service account. */
  isGateway(workload: Workload): boolean;
  /** What the gateway runs by: every policy with egress Gateway. */
  bundle(): Bundle;
  /** Names that sidecars reach it by. */
  names: readonly string[];
  certificates: PodCertificates;
}

export interface OperatorServiceOptions {
  /** Default: the address that it listens on. No trailing slash. */
  issuer?: string;
  /** What outlives the process: `fileStores(folder)`, or objects of a cluster. */
  stores: OpenStores;
  workloads: WorkloadVerifier;
  /** Who vouches for people. As a function: the same array until one of them changes. */
  providers: readonly IdentityProviderSpec[] | (() => readonly IdentityProviderSpec[]);
  /** Whose a token of the cluster is; without it the cluster's service accounts launch nothing by themselves. */
  reviews?: TokenReviews;
  /** undefined: no policy applies to the pod (answered 404). */
  bundleFor(pod: PodReference, workload: Workload): Bundle | undefined | Promise<Bundle | undefined>;
  /** undefined: no pod of ours (answered 403). */
  agentOf(pod: PodReference): AgentDescription | undefined | Promise<AgentDescription | undefined>;
  /** Absent: no gateway is installed. */
  gateway?: GatewayOptions;
  /** A sidecar saw a connection of its pod go past it. */
  uncaptured?(pod: PodReference, to: { host: string; port: number }): Promise<void>;
  /** Groups whose members may revoke launches and see every approval. */
  adminGroups?: readonly string[];
  /** Lifetime of launch tokens; default 900. */
  launchSeconds?: number;
  /** Milliseconds. */
  clock?: () => number;
  log?: Log;
}
