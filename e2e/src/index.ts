/** The harness, for benchmarks. */
export { cached } from './harness/cache.js';
export { GATEWAY, startControlPlane, type ControlPlane } from './harness/control-plane.js';
export { startGateway, type Gateway } from './harness/gateway.js';
export { accepts, freePorts } from './harness/ports.js';
export { startReplica } from './apiserver/replica.js';
export { startApiServer, type ApiServer } from './harness/kubernetes/index.js';
export { startSidecar, type Sidecar } from './harness/sidecar.js';
