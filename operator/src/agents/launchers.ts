/** Who launches when an agent's pod calls the API server, from memory. */
import type { AgentLaunch } from '@cairn/crds';
import type { Pod, Reflector } from '../kubernetes/index.js';
import type { Launchers } from '../lineage/index.js';
import { ownLaunchId } from '../service/index.js';

const GRANT_ANNOTATION = 'cairn.dev/grant';

/** Claims of the grant on an admitted pod, which admission verified when it let the pod in. */
function stampOf({ metadata }: Pod): { id: string; issued: number } | undefined {
  const payload = metadata.annotations?.[GRANT_ANNOTATION]?.split('.')[1];
  if (payload === undefined) return undefined;
  try {
    const { jti, iat } = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')) as { jti?: unknown; iat?: unknown };
    return typeof jti === 'string' && typeof iat === 'number' ? { id: jti, issued: iat } : undefined;
  } catch {
    // No token: as good as none.
    return undefined;
  }
}

/** `pods`: index `uid` and `account`; `launches`: index `name`. */
export function createLaunchers(pods: Reflector<Pod>, launches: Reflector<AgentLaunch>): Launchers {
  const launch = (id: string): AgentLaunch | undefined => launches.store.by('name', id)[0];
  return {
    // Only agents' pods are kept in memory: of any other nobody knows.
    podKind: (uid) => (pods.store.by('uid', uid).length > 0 ? 'agent' : undefined),
    launchOfPod(uid) {
      const pod = pods.store.by('uid', uid)[0];
      const stamp = pod && stampOf(pod);
      const own = stamp && launch(ownLaunchId(stamp, uid));
      if (!own) return undefined;
      const { root, launch: each, ancestors } = own.spec;
      const revoked = [each.id, ...ancestors].some((id) => launch(id)?.spec.revoked !== undefined);
      return { node: { root, launch: each, ancestors }, revoked };
    },
    isAgentServiceAccount: ({ namespace, name }) => pods.store.by('account', `${namespace}/${name}`).length > 0,
  };
}
