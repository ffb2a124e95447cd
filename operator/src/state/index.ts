export { AGENT_LAUNCHES, APPROVALS, AUDIT_STREAMS } from './resources.js';
export { ClusterAssertions, type ClusterAssertionsOptions } from './assertions.js';
export { openClusterState, type ClusterState, type ClusterStateOptions } from './cluster-state.js';
export { openServing, type Serving, type ServingOptions } from './serving.js';
