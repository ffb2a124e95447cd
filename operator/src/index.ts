export * from './inject/index.js';
