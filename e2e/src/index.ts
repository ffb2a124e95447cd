/** The harness, for benchmarks. */
export { cached } from './harness/cache.js';
export { attachCluster, type Cluster } from './harness/cluster/index.js';
export { installCairn } from './harness/cluster/cairn.js';
export { GATEWAY, startControlPlane, type ControlPlane } from './harness/control-plane.js';
export { startGateway, type Gateway } from './harness/gateway.js';
export { buildImages } from './harness/images/index.js';
export { accepts, freePorts } from './harness/ports.js';
export { startReplica } from './apiserver/replica.js';
export { startApiServer, type ApiServer } from './harness/kubernetes/index.js';
export { startSidecar, type Sidecar } from './harness/sidecar.js';
