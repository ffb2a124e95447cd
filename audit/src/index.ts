export * from './event.js';
export * from './stream.js';
