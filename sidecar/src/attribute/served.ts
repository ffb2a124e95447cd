/** The launches that one session acted for, so that it ends when one of them is revoked. */
import type { LaunchIdentity } from '@cairn/identity';
import type { Attribution } from './attribution.js';
import { MAX_SERVED_LAUNCHES } from './limits.js';

export class ServedLaunches {
  /** Attribution of the latest exchange. */
  latest: Attribution | undefined;
  /** By launch id: a renewed token brings the same launch anew. */
  readonly #served = new Map<string, LaunchIdentity>();
  #forgot = false;

  add(attribution: Attribution): Attribution {
    const known = attribution.identity === this.latest?.identity && attribution.among === undefined;
    this.latest = attribution;
    if (known) return attribution;
    if (attribution.identity) this.#remember(attribution.identity);
    for (const identity of attribution.among ?? []) this.#remember(identity);
    return attribution;
  }

  /** Why the session must end; undefined while all its launches stand. One that served too many to remember ends with the first doubt. */
  refusal(of: (identity: LaunchIdentity) => string | undefined): string | undefined {
    for (const identity of this.#served.values()) {
      const reason = of(identity);
      if (reason !== undefined) return reason;
    }
    return this.#forgot
      ? `a launch was revoked, and this session served more than the ${MAX_SERVED_LAUNCHES} that are remembered`
      : undefined;
  }

  #remember(identity: LaunchIdentity): void {
    if (this.#served.size >= MAX_SERVED_LAUNCHES && !this.#served.has(identity.launch.id)) this.#forgot = true;
    else this.#served.set(identity.launch.id, identity);
  }
}
