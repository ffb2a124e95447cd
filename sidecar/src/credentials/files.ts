/** Credentials of targets from mounted Secrets: `<folder>/<secret>/<key>`, looked at again for rotation. */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Credential, Target } from '@cairn/crds';
import type { TargetCredential } from './credential.js';
import { CREDENTIAL_CHECK_MS, MAX_CREDENTIAL_BYTES } from './limits.js';

export class CredentialFiles {
  readonly #loaded = new Map<string, { credential: TargetCredential; checked: number }>();

  constructor(
    private readonly folder: string,
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
    return secret && this.#read(secret.name, secret.key);
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
    throw new Error(
      `target ${target}: a serviceAccount credential needs the kubernetes protocol; use secret, bearerSecret or clientCertificateSecret`,
    );
  }

  #exists(secret: string, key: string): boolean {
    return statSync(join(this.folder, secret, key), { throwIfNoEntry: false }) !== undefined;
  }

  #read(secret: string, key: string): string {
    const file = join(this.folder, secret, key);
    const size = statSync(file, { throwIfNoEntry: false })?.size;
    if (size === undefined) throw new Error(`Secret ${secret} has no key ${key}: add it, the target's credential names it`);
    if (size > MAX_CREDENTIAL_BYTES)
      throw new Error(`Secret ${secret}, key ${key}: ${size} bytes, over the limit of ${MAX_CREDENTIAL_BYTES}`);
    return readFileSync(file, 'utf8');
  }
}

const NONE: TargetCredential = Object.freeze({ kind: 'none' });
