/** The target's leg: dialled when a request may pass that has no connection to go on, with TLS as the target declares. */
import type { SessionContext } from '../protocol.js';

export class Upstream {
  /** The agent speaks TLS; a target with tls.mode Prefer is then spoken to likewise. */
  agentTls = false;
  #state: 'unconnected' | 'ready' | 'ended' = 'unconnected';
  #dialling: Promise<void> | undefined;

  constructor(
    private readonly context: SessionContext,
    /** A new connection takes the place of the one that ended. */
    private readonly replaced: () => void,
  ) {}

  get ready(): boolean {
    return this.#state === 'ready';
  }

  /** The target will send no more: this connection takes no further request. */
  get ended(): boolean {
    return this.#state === 'ended';
  }

  get dialled(): boolean {
    return this.#dialling !== undefined;
  }

  end(): void {
    this.#state = 'ended';
  }

  /** Resolves once `delivered` has and a connection is open; a connection that ended is replaced. Rejects with a DialError. */
  async readyFor(delivered: Promise<void> | undefined): Promise<void> {
    await Promise.all([this.#dial(), delivered]);
    // The target may have closed an idle connection while the delivery was waited for.
    if (this.ended) await this.#dial();
  }

  #dial(): Promise<void> {
    if (this.ended) {
      this.#dialling = undefined;
      this.replaced();
    }
    this.#dialling ??= this.#connect();
    return this.#dialling;
  }

  async #connect(): Promise<void> {
    const { wire, target } = this.context;
    this.#state = 'unconnected';
    await wire.connectTarget();
    const { mode } = target.tls;
    if (mode === 'Require' || (mode === 'Prefer' && this.agentTls)) {
      const credential = this.context.credential();
      const clientCertificate = credential.kind === 'certificate' ? { cert: credential.cert, key: credential.key } : undefined;
      await wire.secureTarget({ alpn: ['http/1.1'], ...(clientCertificate ? { clientCertificate } : {}) });
    }
    if (!this.ended) this.#state = 'ready';
  }
}
