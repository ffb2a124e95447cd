export * from './types.js';
export * from './headers.js';
