/** The signing keys of the token service rotate by themselves, each after thirty days. */
import type { ClusterState } from '../../state/index.js';
import type { LeaderController, Leading } from '../leading.js';

/** How long a key signs, milliseconds: thirty days. */
export const KEY_MS = 30 * 86_400_000;
/** Longest that a timer waits, milliseconds. */
const LOOK_MS = 3_600_000;

export function signingKeys({ context }: Leading): LeaderController {
  return signingKeysController(context.state);
}

export function signingKeysController(state: Pick<ClusterState, 'keys'>, clock = Date.now): LeaderController {
  return {
    name: 'signing-keys',
    workers: 1,
    async reconcile() {
      const ring = state.keys();
      // The next key was published when the current one began to sign.
      if (clock() - ring.published >= KEY_MS) await ring.rotate();
      return { afterMs: LOOK_MS };
    },
    feed(queue) {
      queue.add('ring');
      return () => undefined;
    },
  };
}
