/** The target's leg: dialled once, when the first request may pass, with TLS as the target declares. */
import type { SessionContext } from '../protocol.js';

export class Upstream {
  ready = false;
  /** The target will send no more: this connection takes no further request. */
  ended = false;
  #dialling: Promise<void> | undefined;

  constructor(private readonly context: SessionContext) {}

  get dialled(): boolean {
    return this.#dialling !== undefined;
  }

  /** `agentTls`: the agent speaks TLS; a target with tls.mode Prefer is then spoken to likewise. Rejects with a DialError. */
  dial(agentTls: boolean): Promise<void> {
    this.#dialling ??= this.#connect(agentTls);
    return this.#dialling;
  }

  async #connect(agentTls: boolean): Promise<void> {
    const { wire, target } = this.context;
    await wire.connectTarget();
    const { mode } = target.tls;
    if (mode === 'Require' || (mode === 'Prefer' && agentTls)) {
      const credential = this.context.credential();
      const clientCertificate = credential.kind === 'certificate' ? { cert: credential.cert, key: credential.key } : undefined;
      await wire.secureTarget({ alpn: ['http/1.1'], ...(clientCertificate ? { clientCertificate } : {}) });
    }
    this.ready = true;
  }
}
