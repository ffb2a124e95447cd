/** Whether launches still stand: the revocation list, and what this pod's launches descend from. */
import { IdentityError, type LaunchIdentity, type Revocation, RevocationList } from '@cairn/identity';

export class Standing {
  /** Why no launch can be vouched for; undefined: the list is whole. */
  #problem: string | undefined;
  readonly #ancestors = new WeakMap<LaunchIdentity, readonly string[]>();

  constructor(private readonly list: RevocationList = new RevocationList()) {}

  get problem(): string | undefined {
    return this.#problem;
  }

  /** Number of the newest entry that was taken in. */
  get last(): number {
    return this.list.last;
  }

  /** `ancestors`: launches above; revoking any of them revokes this one. */
  know(identity: LaunchIdentity, ancestors: readonly string[]): void {
    this.#ancestors.set(identity, ancestors);
  }

  /** Takes an entry in. One that the list has no room for leaves no launch that could be trusted not to be meant. */
  revoke(revocation: Revocation): void {
    try {
      this.list.add(revocation);
    } catch (error) {
      if (!(error instanceof IdentityError)) throw error;
      this.#problem = `revocations can no longer be followed: ${error.message}`;
    }
  }

  /** Why nothing may be done for the launch any more; undefined while it stands. */
  refusal(identity: LaunchIdentity): string | undefined {
    if (this.#problem !== undefined) return this.#problem;
    if (this.list.last === 0) return undefined;
    const { launch } = identity;
    const entry = this.list.find({ launch, ancestors: this.#ancestors.get(identity) ?? [] });
    if (!entry) return undefined;
    const which = entry.launch === launch.id ? `launch ${launch.id}` : `launch ${entry.launch}, above ${launch.id},`;
    return `${which} was revoked by ${entry.by}${entry.reason === undefined ? '' : `: ${entry.reason}`}`;
  }
}
