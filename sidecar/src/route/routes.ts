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

  constructor(spec: AuditPolicySpec) {
    for (const target of spec.targets) for (const host of target.hosts) this.#add(normalHost(host));
  }

  addressOf(host: string): string | undefined {
    return this.#byHost.get(normalHost(host));
  }

  hostOf(address: string): string | undefined {
    return this.#byAddress.get(address);
  }

  #add(host: string): void {
    if (isIP(host) || this.#byHost.has(host)) return;
    const number = this.#byHost.size + 1;
    if (number > MAX_VIRTUAL_ADDRESSES) throw new Error(`more than ${MAX_VIRTUAL_ADDRESSES} declared hosts`);
    const address = `198.18.${number >> 8}.${number & 255}`;
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
