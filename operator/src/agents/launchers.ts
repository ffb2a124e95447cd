/** Who launches when an agent's pod calls the API server, from memory. */
import type { AgentLaunch } from '@cairn/crds';
import type { Pod, Reflector } from '../kubernetes/index.js';
import { LAUNCH_HEARD_MS, type Launchers, type PodLaunch } from '../lineage/index.js';
import { CAPTURE_ANNOTATION } from '../names.js';
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

export interface LaunchNews {
  /** Resolves when the launch is in memory, which is moments after another replica recorded it, or when it did not come. */
  heard(launch: string): Promise<void>;
}

function nextNews(launches: Reflector<AgentLaunch>, id: string): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      unsubscribe();
      resolve();
    };
    const timer = setTimeout(done, LAUNCH_HEARD_MS);
    const unsubscribe = launches.subscribe({ added: ({ metadata }) => void (metadata.name === id && queueMicrotask(done)) });
  });
}

/** `pods`: index `uid` and `account`; `launches`: index `name` and `pod`. */
export function createLaunchers(pods: Reflector<Pod>, launches: Reflector<AgentLaunch>): Launchers & LaunchNews {
  const launch = (id: string): AgentLaunch | undefined => launches.store.by('name', id)[0];
  const described = ({ spec }: AgentLaunch): PodLaunch => {
    const { root, launch: each, ancestors } = spec;
    const revoked = [each.id, ...ancestors].some((id) => launch(id)?.spec.revoked !== undefined);
    return { node: { root, launch: each, ancestors }, revoked };
  };
  const ownOf = (uid: string): AgentLaunch | undefined => {
    const pod = pods.store.by('uid', uid)[0];
    const stamp = pod && stampOf(pod);
    return stamp && launch(ownLaunchId(stamp, uid));
  };
  return {
    // Only agents' pods are kept in memory: of any other nobody knows.
    podKind: (uid) => (pods.store.by('uid', uid).length > 0 ? 'agent' : undefined),
    launchOfPod(uid) {
      const own = ownOf(uid);
      return own && described(own);
    },
    launch(id) {
      const found = launch(id);
      return found && { ...described(found), pod: found.spec.pod.uid };
    },
    serves(uid) {
      const own = ownOf(uid)?.metadata.name;
      return launches.store.by('pod', uid).some(({ metadata }) => metadata.name !== own);
    },
    // Nobody changes the annotation of a pod that runs: admission keeps it.
    isExplicit: (uid) => pods.store.by('uid', uid)[0]?.metadata.annotations?.[CAPTURE_ANNOTATION] === 'explicit',
    heard: (id) => (launch(id) ? Promise.resolve() : nextNews(launches, id)),
    isAgentServiceAccount: ({ namespace, name }) => pods.store.by('account', `${namespace}/${name}`).length > 0,
  };
}
