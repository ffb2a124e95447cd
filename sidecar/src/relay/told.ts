/** What one hop's gateway has been told: launches by number, each token once, and which of them the pod's own launch and contexts are. */
import type { LaunchIdentity } from '@cairn/identity';
import type { ContextIdentity, ContextView } from '../attribute/contexts.js';
import type { CertifiedKey } from '../credentials/certificates.js';
import type { Control } from '../hop/control.js';
import { MAX_HOP_LAUNCHES } from '../hop/limits.js';

export class Told {
  /** By launch id. */
  readonly #launches = new Map<string, { number: number; token: string }>();

  constructor(
    private readonly tell: (control: Control) => void,
    /** The gateway cannot be told all that it must know. */
    private readonly failed: (error: Error) => void,
  ) {}

  own(own: ContextIdentity | undefined): void {
    this.tell({ type: 'own', launch: own ? this.#launch(own.identity, own.token) : null });
  }

  opened({ identity, token, handle, traceparent, cause }: ContextView): void {
    const launch = identity && token !== undefined ? this.#launch(identity, token) : null;
    this.tell({ type: 'open', handle, launch, traceparent: traceparent || null, cause });
  }

  closed(handle: string): void {
    this.tell({ type: 'close', handle });
  }

  renewed(identity: LaunchIdentity, token: string): void {
    if (this.#launches.has(identity.launch.id)) this.#launch(identity, token);
  }

  leaf(name: string, { certificate, key }: CertifiedKey): void {
    this.tell({ type: 'leaf', name, certificate, key });
  }

  start(pod: Omit<Extract<Control, { type: 'start' }>, 'type'>): void {
    this.tell({ type: 'start', ...pod });
  }

  /** The launch's number; the token is told where the gateway has not got it. */
  #launch({ launch }: LaunchIdentity, token: string): number {
    const known = this.#launches.get(launch.id);
    if (known?.token === token) return known.number;
    const number = known?.number ?? this.#launches.size;
    if (number >= MAX_HOP_LAUNCHES) this.failed(new Error(`more than ${MAX_HOP_LAUNCHES} launches on one connection: open another`));
    this.#launches.set(launch.id, { number, token });
    this.tell({ type: 'launch', number, token });
    return number;
  }
}
