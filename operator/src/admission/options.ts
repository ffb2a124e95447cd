/** What the admission webhook asks of the rest of the operator. Everything is answered from memory: no API call holds a request up. */
import type { ApprovalObject, AuditPolicy } from '@cairn/crds';
import type { Grant, Principal, VerifiedGrant } from '@cairn/identity';
import type { Registry } from 'prom-client';
import type { InjectSettings } from '../inject/index.js';
import type { Launchers, TrustedController } from '../lineage/index.js';

export interface AdmissionCluster extends Launchers {
  /** Complete policies of a namespace. */
  policies(namespace: string): readonly AuditPolicy[];
  /** Undefined where the namespace is not known (yet). */
  namespaceLabels(namespace: string): Readonly<Record<string, string>> | undefined;
  version(): { major: number; minor: number } | undefined;
}

export interface GrantSigner {
  /** `id` is unique for the stamp. */
  mint(grant: Grant, id: string, lifetimeSeconds: number): Promise<string>;
  /** Throws IdentityError. */
  verify(token: string): Promise<VerifiedGrant>;
}

/** An occurrence that people look for beside an object. */
export interface AdmissionEvent {
  type: 'Normal' | 'Warning';
  /** UpperCamelCase. */
  reason: string;
  message: string;
  regarding: { apiVersion: string; kind: string; namespace: string; name: string; uid?: string };
}

export type AdmissionLog = (entry: { level: 'info' | 'warn' | 'error'; message: string } & Record<string, unknown>) => void;

export interface AdmissionOptions {
  cluster: AdmissionCluster;
  settings: () => InjectSettings;
  signer: GrantSigner;
  trusted: readonly TrustedController[];
  /**
   * Makes a vote of somebody's decision (spec.decision) on an approval. Throws an error with `code` and a sentence where they
   * may not decide. Absent: decisions are refused.
   */
  vote?: (approval: ApprovalObject, old: ApprovalObject, approver: Principal) => Promise<ApprovalObject['spec']>;
  /** Never called for a dry run. */
  event: (event: AdmissionEvent) => void;
  log: AdmissionLog;
  registry: Registry;
  /** Milliseconds since the epoch. */
  clock?: () => number;
}
