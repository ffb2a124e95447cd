/**
 * The pod's certificate authority: made at start, its key never leaves this process's memory. Agents trust it, and the
 * sidecar serves every declared name with a leaf of it.
 */
import { once } from 'node:events';
import { createSecureContext, type SecureContext } from 'node:tls';
import { Worker } from 'node:worker_threads';
import type { CertifiedKey } from './certificates.js';
import { MAX_LEAVES } from './limits.js';

export interface CertificateAuthority {
  /** PEM, for the agent's trust store. */
  readonly certificate: string;
  /** Server-side TLS for a name; one that was not prepared is served as `localhost`, which its client will refuse. */
  secureContextFor(serverName: string | undefined): SecureContext;
  /** The leaf of a prepared name. */
  leafOf(serverName: string): CertifiedKey | undefined;
  /** Makes the leaves of these names; called when the declared targets are known. */
  prepare(names: readonly string[]): Promise<void>;
}

export interface IssueRequest {
  pod: string;
  authority: CertifiedKey | undefined;
  names: readonly string[];
}

export interface Issued {
  authority: CertifiedKey;
  leaves: [name: string, leaf: CertifiedKey][];
}

const FALLBACK = 'localhost';

/** Makes a CA for one pod. */
export async function createAuthority(pod: string, names: readonly string[] = []): Promise<CertificateAuthority> {
  const leaves = new Map<string, SecureContext>();
  const keys = new Map<string, CertifiedKey>();
  const issued = async (authority: CertifiedKey | undefined, wanted: readonly string[]): Promise<CertifiedKey> => {
    const missing = [...new Set(wanted.map((name) => name.toLowerCase()))].filter((name) => !leaves.has(name));
    if (leaves.size + missing.length > MAX_LEAVES) throw new Error(`more than ${MAX_LEAVES} hosts need a certificate: declare fewer`);
    if (authority && missing.length === 0) return authority;
    const made = await issue({ pod, authority, names: missing });
    for (const [name, leaf] of made.leaves) {
      const { certificate, key } = leaf;
      keys.set(name, leaf);
      leaves.set(name, createSecureContext({ cert: certificate, key, minVersion: 'TLSv1.2' }));
    }
    return made.authority;
  };
  const authority = await issued(undefined, [FALLBACK, ...names]);
  return {
    certificate: authority.certificate,
    secureContextFor: (name) => leaves.get((name ?? FALLBACK).toLowerCase()) ?? leaves.get(FALLBACK)!,
    leafOf: (name) => keys.get(name.toLowerCase()),
    prepare: async (wanted) => void (await issued(authority, wanted)),
  };
}

async function issue(request: IssueRequest): Promise<Issued> {
  const worker = new Worker(new URL('./issue-worker.js', import.meta.url), { workerData: request });
  const [issued] = (await once(worker, 'message')) as [Issued];
  await worker.terminate();
  return issued;
}
