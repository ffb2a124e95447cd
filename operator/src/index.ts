export * from './inject/index.js';
export * as kubernetes from './kubernetes/index.js';
export * from './service/index.js';
export { openClusterState, type ClusterState, type ClusterStateOptions } from './state/index.js';
export * from './admission/index.js';
export * from './lineage/index.js';
