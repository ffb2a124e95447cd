export * from './inject/index.js';
export * as kubernetes from './kubernetes/index.js';
export * from './service/index.js';
export * from './admission/index.js';
export * from './lineage/index.js';
export * from './state/index.js';
export * from './controllers/certificates/index.js';
