/** The signing keys of the token service rotate by themselves, each after thirty days; their public halves stand where auditors find them. */
import { CONFIG_MAPS, type KubernetesClient } from '../../kubernetes/index.js';
import { MANAGED_BY } from '../../state/resources.js';
import type { ClusterState } from '../../state/index.js';
import type { LeaderController, Leading } from '../leading.js';

/** How long a key signs, milliseconds: thirty days. */
export const KEY_MS = 30 * 86_400_000;
/** Longest that a timer waits, milliseconds. */
const LOOK_MS = 3_600_000;
/** In the operator's namespace. Its entry is the file that a ledger verifies certificates of streams with. */
const TRUST = { configMap: 'cairn-trust', entry: 'trust.json' } as const;

export interface SigningKeysOptions {
  state: Pick<ClusterState, 'keys'>;
  client: Pick<KubernetesClient, 'apply'>;
  issuer: string;
  namespace: string;
  /** Milliseconds; default Date.now. */
  clock?: () => number;
}

export function signingKeys({ context: { state, config }, client }: Leading): LeaderController {
  return signingKeysController({ state, client, issuer: config.issuer, namespace: config.namespace });
}

export function signingKeysController({ state, client, issuer, namespace, clock = Date.now }: SigningKeysOptions): LeaderController {
  return {
    name: 'signing-keys',
    workers: 1,
    async reconcile() {
      const ring = state.keys();
      // The next key was published when the current one began to sign.
      if (clock() - ring.published >= KEY_MS) await ring.rotate();
      const metadata = { namespace, name: TRUST.configMap, labels: { ...MANAGED_BY } };
      const trust = { issuer, jwks: state.keys().jwks() };
      await client.apply(CONFIG_MAPS, { metadata, data: { [TRUST.entry]: `${JSON.stringify(trust, null, 2)}\n` } });
      return { afterMs: LOOK_MS };
    },
    feed(queue) {
      queue.add('ring');
      return () => undefined;
    },
  };
}
