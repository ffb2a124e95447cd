/** The policy in force: the operator's bundle for this pod, compiled; changes arrive by long poll while sessions live. */
import { compilePolicy, type Bundle, type CompiledPolicy } from '@cairn/crds';
import type { Log } from '../config/log.js';
import { VirtualAddresses } from '../route/routes.js';
import { retried } from './follow.js';
import type { OperatorClient } from './operator-client.js';

export interface PolicyInForce {
  bundle: Bundle;
  policy: CompiledPolicy;
  addresses: VirtualAddresses;
}

/** Throws when the bundle holds no policy for this pod: without one nothing may pass. `before`: what it replaces. */
export function policyInForce(bundle: Bundle, before?: PolicyInForce): PolicyInForce {
  const [policy, second] = bundle.policies;
  if (!policy)
    throw new Error('no AuditPolicy selects this pod: label it as a policy selects, or name one by the annotation cairn.dev/policy');
  if (second) {
    const names = `${policy.metadata.name}, ${second.metadata.name}`;
    throw new Error(`several AuditPolicies select this pod (${names}): name one by the annotation cairn.dev/policy`);
  }
  return { bundle, policy: compilePolicy(policy), addresses: new VirtualAddresses(policy.spec, before?.addresses) };
}

/** Follows changes until the signal aborts. A bundle that does not hold is logged; the last good one stays in force. */
export async function followBundle(
  operator: OperatorClient,
  first: PolicyInForce,
  adopt: (next: PolicyInForce) => Promise<void>,
  log: Log,
  signal: AbortSignal,
): Promise<void> {
  let { version } = first.bundle;
  let current = first;
  while (!signal.aborted) {
    const asked = version;
    const bundle = await retried('bundle', log, signal, () => operator.bundle(asked)).catch(() => undefined);
    if (!bundle || bundle.version === version) continue;
    version = bundle.version;
    try {
      const next = policyInForce(bundle, current);
      await adopt(next);
      current = next;
      log.info('policy changed', { version });
    } catch (error) {
      log.error('policy refused, the last good one stays in force', { version, reason: (error as Error).message });
    }
  }
}
