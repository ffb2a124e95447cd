/** Credentials of every namespace's targets, as they are mounted into the gateway alone: `<folder>/<namespace>/<secret>/<key>`. */
import { join } from 'node:path';
import { CredentialFiles } from '../credentials/files.js';

export class GatewayCredentials {
  readonly #namespaces = new Map<string, CredentialFiles>();

  constructor(
    private readonly folders: { secrets: string; /** Holds the API server's CA. */ serviceAccount: string | undefined },
    /** Milliseconds, monotonic. */
    private readonly now: () => number,
  ) {}

  of(namespace: string): CredentialFiles {
    let files = this.#namespaces.get(namespace);
    if (!files) {
      files = new CredentialFiles({ ...this.folders, secrets: join(this.folders.secrets, namespace) }, this.now);
      this.#namespaces.set(namespace, files);
    }
    return files;
  }
}
