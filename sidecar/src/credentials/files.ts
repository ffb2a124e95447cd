/**
 * Credentials of targets, looked at again for rotation: mounted Secrets, `<secrets>/<secret>/<key>`, and the pod's own token of
 * its service account with the API server's CA, `<serviceAccount>/token` and `ca.crt`, which kubelet renews.
 */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Credential, Target } from '@cairn/crds';
import type { TargetCredential } from './credential.js';
import { CREDENTIAL_CHECK_MS, MAX_CREDENTIAL_BYTES } from './limits.js';

export interface CredentialFolders {
  secrets: string;
  /** undefined: none is mounted. */
  serviceAccount: string | undefined;
}

export class CredentialFiles {
  readonly #loaded = new Map<string, { credential: TargetCredential; checked: number }>();

  constructor(
    private readonly folders: CredentialFolders,
    private readonly now: () => number,
  ) {}

  /** What the target is given; throws with the missing key's name when a Secret is incomplete. */
  of(target: Target): TargetCredential {
    if (!target.credential) return NONE;
    const held = this.#loaded.get(target.name);
    const now = this.now();
    if (held && now - held.checked < CREDENTIAL_CHECK_MS) return held.credential;
    const credential = this.#load(target.credential, target.name);
    this.#loaded.set(target.name, { credential, checked: now });
    return credential;
  }

  /** PEM text of the CA that a target's certificate must chain to; undefined: the public roots. */
  ca(target: Target): string | undefined {
    const secret = target.tls.caSecret;
    if (secret) return this.#read(secret.name, secret.key);
    const isServiceAccount = target.credential && 'serviceAccount' in target.credential;
    return isServiceAccount ? this.#ofServiceAccount('ca.crt') : undefined;
  }

  #load(credential: Credential, target: string): TargetCredential {
    if ('secret' in credential) {
      const { secret } = credential;
      return { kind: 'password', username: this.#read(secret, 'username').trim(), password: this.#read(secret, 'password').trim() };
    }
    if ('bearerSecret' in credential) {
      const { name, key } = credential.bearerSecret;
      return { kind: 'bearer', token: this.#read(name, key).trim() };
    }
    if ('clientCertificateSecret' in credential) {
      const name = credential.clientCertificateSecret;
      const username = this.#exists(name, 'username') ? this.#read(name, 'username').trim() : undefined;
      return { kind: 'certificate', cert: this.#read(name, 'tls.crt'), key: this.#read(name, 'tls.key'), username };
    }
    return bearerOf(this.serviceAccountToken(), credential.serviceAccount, target);
  }

  /** The pod's own. */
  serviceAccountToken(): string {
    return this.#ofServiceAccount('token').trim();
  }

  #exists(secret: string, key: string): boolean {
    return statSync(join(this.folders.secrets, secret, key), { throwIfNoEntry: false }) !== undefined;
  }

  #read(secret: string, key: string): string {
    const content = bounded(join(this.folders.secrets, secret, key), `Secret ${secret}, key ${key}`);
    if (content === undefined) throw new Error(`Secret ${secret} has no key ${key}: add it, the target's credential names it`);
    return content;
  }

  #ofServiceAccount(name: 'token' | 'ca.crt'): string {
    const folder = this.folders.serviceAccount;
    const content = folder === undefined ? undefined : bounded(join(folder, name), `the service account's ${name}`);
    if (content === undefined) throw new Error(`the pod's service account has no ${name} here: have the pod injected again`);
    return content;
  }
}

/** At the gateway: the agent's pod's own token, which its sidecar handed over; undefined where the target is given something else. */
export function serviceAccountToken({ credential, name }: Target, token: string | null | undefined): TargetCredential | undefined {
  if (!credential || !('serviceAccount' in credential)) return undefined;
  if (!token) throw new Error(`target ${name} is reached as the pod's service account, and its sidecar handed no token over`);
  return bearerOf(token, credential.serviceAccount, name);
}

function bearerOf(token: string, serviceAccount: string, target: string): TargetCredential {
  checkSubject(token, serviceAccount, target);
  return { kind: 'bearer', token };
}

/** A file's text, undefined where there is none. */
function bounded(file: string, what: string): string | undefined {
  const size = statSync(file, { throwIfNoEntry: false })?.size;
  if (size === undefined) return undefined;
  if (size > MAX_CREDENTIAL_BYTES) throw new Error(`${what}: ${size} bytes, over the limit of ${MAX_CREDENTIAL_BYTES}`);
  return readFileSync(file, 'utf8');
}

/**
 * A policy says whose token is presented; a pod that runs as somebody else gets nowhere. The API server verifies the token,
 * here it is only read (KEP-1205: `sub` is system:serviceaccount:NAMESPACE:NAME).
 */
function checkSubject(token: string, serviceAccount: string, target: string): void {
  const subject = unverifiedSubject(token);
  if (subject?.startsWith('system:serviceaccount:') && subject.split(':')[3] === serviceAccount) return;
  throw new Error(`target ${target} is for the service account ${serviceAccount}, and the pod runs as ${subject ?? 'nobody known'}`);
}

function unverifiedSubject(token: string): string | undefined {
  try {
    const { sub } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8')) as { sub?: unknown };
    return typeof sub === 'string' ? sub : undefined;
  } catch {
    return undefined;
  }
}

const NONE: TargetCredential = Object.freeze({ kind: 'none' });
