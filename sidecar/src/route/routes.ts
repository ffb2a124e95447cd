/** Destination -> declared target. Pure. */
import { isIP } from 'node:net';
import type { AuditPolicySpec, CompiledPolicy, Target } from '@cairn/crds';

/** Where a connection goes, as far as policy declares it. */
export interface Route {
  target: Target;
  /** Declared host, as policy writes it. */
  host: string;
  port: number;
}

/**
 * Every declared host name gets an address of its own in 198.18.0.0/15 (RFC 2544, never routed): the sidecar's DNS answers
 * with it, so that a transparent connection names its target exactly, whatever the name resolves to outside.
 */
export class VirtualAddresses {
  readonly #byHost = new Map<string, string>();
  readonly #byAddress = new Map<string, string>();

  #last: number;

  /** `before`: those of the policy that this one replaces. A host keeps its address, which clients may still remember. */
  constructor(spec: AuditPolicySpec, before?: VirtualAddresses) {
    const hosts = new Set(spec.targets.flatMap((target) => target.hosts.map(normalHost)).filter((host) => !isIP(host)));
    if (hosts.size > MAX_VIRTUAL_ADDRESSES) throw new Error(`more than ${MAX_VIRTUAL_ADDRESSES} declared hosts`);
    this.#last = before ? before.#last : 0;
    for (const host of hosts) {
      const address = before && before.#byHost.get(host);
      if (address !== undefined) this.#give(host, address);
    }
    for (const host of hosts) if (!this.#byHost.has(host)) this.#give(host, this.#unused());
  }

  addressOf(host: string): string | undefined {
    return this.#byHost.get(normalHost(host));
  }

  hostOf(address: string): string | undefined {
    return this.#byAddress.get(address);
  }

  /** The address after the last one given, round and round: that of a host which is gone stays unused for long. */
  #unused(): string {
    for (;;) {
      this.#last = (this.#last % MAX_VIRTUAL_ADDRESSES) + 1;
      const address = `198.18.${this.#last >> 8}.${this.#last & 255}`;
      if (!this.#byAddress.has(address)) return address;
    }
  }

  #give(host: string, address: string): void {
    this.#byHost.set(host, address);
    this.#byAddress.set(address, host);
  }
}

/** Hosts of one policy that can have an address of their own. */
export const MAX_VIRTUAL_ADDRESSES = 65_000;

/** The declared target of a name or address; undefined: undeclared. */
export function routeTo(policy: CompiledPolicy, addresses: VirtualAddresses, destination: string, port: number): Route | undefined {
  const host = addresses.hostOf(destination) ?? normalHost(destination);
  const target = policy.target(host, port);
  return target && { target, host, port };
}

export function normalHost(host: string): string {
  const lower = host.toLowerCase();
  return lower.endsWith('.') ? lower.slice(0, -1) : lower;
}
