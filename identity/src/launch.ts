import { CHAIN_DEPTH } from './limits.js';
import { IdentityError, type Launch, type Principal } from './types.js';
import { uuidv7 } from './uuid.js';

/** A launch and the launches above it: what a child needs to know of its parent. */
export interface LaunchNode {
  root: Principal;
  launch: Launch;
  ancestors: string[];
}

export interface ChainLimits {
  maxDepth: number;
  /** Whether an agent may appear twice in one chain. */
  allowLoops: boolean;
}

/** A principal starts `agent` (`namespace/name`): depth 1. */
export function firstLaunch(principal: Principal, agent: string, id: string = uuidv7()): LaunchNode {
  return { root: principal, launch: { id, chain: id, depth: 1, path: [agent] }, ancestors: [] };
}

/** `parent` starts `agent`. Throws IdentityError `depth` or `loop`. */
export function nextLaunch(parent: LaunchNode, agent: string, limits: ChainLimits, id: string = uuidv7()): LaunchNode {
  const { launch } = parent;
  const limit = Math.min(limits.maxDepth, CHAIN_DEPTH);
  if (launch.depth >= limit) {
    throw new IdentityError('depth', `${agent} would be agent ${launch.depth + 1} of its chain; identity.maxDepth allows ${limit}`);
  }
  if (!limits.allowLoops && launch.path.includes(agent)) {
    throw new IdentityError('loop', `${agent} is already in its chain; identity.allowLoops would permit it`);
  }
  return {
    root: parent.root,
    launch: { id, chain: launch.chain, parent: launch.id, depth: launch.depth + 1, path: [...launch.path, agent] },
    ancestors: [...parent.ancestors, launch.id],
  };
}
