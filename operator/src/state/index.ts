export { openClusterState, type ClusterState, type ClusterStateOptions } from './cluster-state.js';
