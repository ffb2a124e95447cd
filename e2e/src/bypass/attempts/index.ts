/** Every attempt, in the order of the table. */
import type { Attempt } from '../attempt.js';
import { credentials } from './credentials.js';
import { lifecycle } from './lifecycle.js';
import { names } from './names.js';
import { network } from './network.js';
import { processes } from './process.js';
import { tunnels } from './tunnels.js';

export { MOMENTS } from './lifecycle.js';

/** Attempts that one command inside the container makes. */
export const PROBES: readonly Attempt[] = [...network, ...names, ...processes, ...credentials, ...tunnels];
export const ATTEMPTS: readonly Attempt[] = [...PROBES, ...lifecycle];
