/** Answers, on every replica and from memory, what a pod runs by; and tells when that may have changed. */
import type { AuditPolicy, Bundle, IdentityProvider } from '@cairn/crds';
import type { PodReference } from '@cairn/identity';
import { agentName, ownersOf, sameChoice, type AgentDirectory, type PolicyBook } from '../../agents/index.js';
import { templateHash } from '../../lineage/index.js';
import type { Pod, Reflector } from '../../kubernetes/index.js';
import type { AgentDescription } from '../../service/index.js';
import { bundleOf, gatewayBundle } from './bundle.js';

type Template = Parameters<typeof templateHash>[0];

export interface BundleSources {
  agents: AgentDirectory;
  policies: PolicyBook;
  pods: Reflector<Pod>;
  tokenService: Bundle['tokenService'];
  auditorKey: Bundle['auditorKey'];
  gateway: Bundle['gateway'] | undefined;
}

export interface Bundles {
  bundleFor(pod: PodReference): Promise<Bundle | undefined>;
  /** What the gateway runs by. */
  forGateway(): Bundle;
  agentOf(pod: PodReference): Promise<AgentDescription | undefined>;
  /** Calls back, once for many changes of one moment, when `bundleFor` may answer differently. */
  onChange(listener: () => void): void;
}

export function createBundles({ agents, policies, pods, tokenService, auditorKey, gateway }: BundleSources): Bundles {
  // Thousands of pods share few policies: each is hashed once.
  const made = new WeakMap<AuditPolicy, { providers: readonly IdentityProvider[]; bundle: Bundle }>();
  const bundle = (policy: AuditPolicy): Bundle => {
    const providers = policies.providers();
    const known = made.get(policy);
    if (known?.providers === providers) return known.bundle;
    const fresh = bundleOf({ policy, providers, tokenService, auditorKey, gateway });
    made.set(policy, { providers, bundle: fresh });
    return fresh;
  };

  return {
    async bundleFor(reference) {
      const pod = await agents.find(reference);
      const policy = pod && agents.choose(pod).policy;
      return policy && bundle(policy);
    },
    forGateway: () => gatewayBundle(policies.all(), { tokenService, auditorKey }),
    async agentOf(reference) {
      const pod = await agents.find(reference);
      const policy = pod && agents.choose(pod).policy;
      const name = pod && agentName(pod);
      if (!policy || name === undefined) return undefined;
      const { maxDepth, allowLoops } = policy.spec.identity;
      return {
        name,
        namespace: reference.namespace,
        maxDepth,
        allowLoops,
        policy: policy.metadata.name,
        owners: ownersOf(pod),
        ...(pod.spec ? { template: templateHash({ metadata: pod.metadata, spec: pod.spec } as Template) } : {}),
      };
    },
    onChange(listener) {
      let due = false;
      const soon = (): void => {
        if (due) return;
        due = true;
        setImmediate(() => {
          due = false;
          listener();
        });
      };
      policies.onChange(soon);
      pods.subscribe({ updated: (pod, previous) => void (sameChoice(pod, previous) || soon()) });
    },
  };
}
