export * from './ship/index.js';
