export * from './inject/index.js';
export * from './service/index.js';
