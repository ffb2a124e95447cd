/** Every attempt, in the order of the table. */
import { FAMILIES, type Attempt } from '../attempt.js';
import { credentials } from './credentials.js';
import { kubernetes } from './kubernetes.js';
import { lifecycle, MOMENTS } from './lifecycle.js';
import { names } from './names.js';
import { network } from './network.js';
import { processes } from './process.js';
import { starvation } from './starvation.js';
import { tunnels } from './tunnels.js';

export { MOMENTS };
export { starvation } from './starvation.js';

/** Attempts that one command inside the container makes. */
export const PROBES: readonly Attempt[] = [...network, ...names, ...processes, ...credentials, ...kubernetes, ...tunnels];
export const ATTEMPTS: readonly Attempt[] = FAMILIES.flatMap((family) =>
  [...PROBES, ...starvation, ...lifecycle].filter((attempt) => attempt.family === family),
);
