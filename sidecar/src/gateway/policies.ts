/** Every policy that the gateway runs by, compiled; changes arrive by long poll while sessions live. */
import type { Bundle } from '@cairn/crds';
import type { Log } from '../config/log.js';
import { policyInForce, type PolicyInForce } from '../control/bundles.js';
import { retried } from '../control/follow.js';
import type { OperatorClient } from '../control/operator-client.js';
import { loadProtocols } from '../protocols/registry.js';

interface Held {
  /** As the operator served it, to tell a change by. */
  source: string;
  policy: PolicyInForce;
}

export class GatewayPolicies {
  /** `namespace/name`. */
  #inForce: ReadonlyMap<string, Held> = new Map();

  find(namespace: string, name: string): PolicyInForce | undefined {
    return this.#inForce.get(`${namespace}/${name}`)?.policy;
  }

  /** Takes over what changed; a policy that does not hold keeps its last good form, and its problem is told. */
  async adopt(bundle: Bundle, refused: (policy: string, error: Error) => void): Promise<void> {
    const next = new Map<string, Held>();
    for (const each of bundle.policies) {
      const key = `${each.metadata.namespace}/${each.metadata.name}`;
      const before = this.#inForce.get(key);
      const source = JSON.stringify(each);
      try {
        await loadProtocols(each.spec.targets.map(({ protocol }) => protocol));
        const policy = before?.source === source ? before.policy : policyInForce({ ...bundle, policies: [each] }, before?.policy);
        next.set(key, { source, policy });
      } catch (error) {
        refused(key, error as Error);
        if (before) next.set(key, before);
      }
    }
    this.#inForce = next;
  }
}

/** Follows changes until the signal aborts. */
export async function followPolicies(
  operator: OperatorClient,
  first: Bundle,
  adopt: (bundle: Bundle) => Promise<void>,
  log: Log,
  signal: AbortSignal,
): Promise<void> {
  let { version } = first;
  while (!signal.aborted) {
    const asked = version;
    const bundle = await retried('bundle', log, signal, () => operator.bundle(asked)).catch(() => undefined);
    if (!bundle || bundle.version === version) continue;
    version = bundle.version;
    await adopt(bundle);
    log.info('policies changed', { version, policies: bundle.policies.length });
  }
}
