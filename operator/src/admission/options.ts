/** What the admission webhook asks of the rest of the operator. Everything is answered from memory: no API call holds a request up. */
import type { AuditPolicy } from '@cairn/crds';
import type { Registry } from 'prom-client';
import type { InjectSettings } from '../inject/index.js';
import type { Launchers, TrustedController } from '../lineage/index.js';
import type { KeyRing } from '../service/index.js';
import type { GrantSigner } from './signer.js';

export interface AdmissionCluster extends Launchers {
  /** Resolves when the launch is known, or when nothing was heard of it in time. */
  heard(launch: string): Promise<void>;
  /** Complete policies of a namespace. */
  policies(namespace: string): readonly AuditPolicy[];
  /** Undefined where the namespace is not known (yet). */
  namespaceLabels(namespace: string): Readonly<Record<string, string>> | undefined;
  version(): { major: number; minor: number } | undefined;
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
  /** Signs grants and votes. */
  keys: KeyRing;
  /** The token service's. */
  issuer: string;
  trusted: readonly TrustedController[];
  /** Never called for a dry run. */
  event: (event: AdmissionEvent) => void;
  log: AdmissionLog;
  registry: Registry;
  /** Milliseconds since the epoch. */
  clock?: () => number;
}

/** The options and what is made of them, as the webhook's handlers take them. */
export interface AdmissionContext extends AdmissionOptions {
  signer: GrantSigner;
  /** Milliseconds since the epoch. */
  clock: () => number;
}
