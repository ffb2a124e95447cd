/** A one-node Kubernetes for tests, as real as one machine can make it. */
export { attachCluster } from './up.js';
export type { Cluster } from './cluster.js';
export type { Drop } from './cilium/index.js';
