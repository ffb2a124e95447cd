export * from './inject/index.js';
export * as kubernetes from './kubernetes/index.js';
export * from './service/index.js';
