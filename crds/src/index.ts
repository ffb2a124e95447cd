export * from './operation.js';
export * from './types.js';
export * from './policy.js';
export * from './approval.js';
