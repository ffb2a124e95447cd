export * from './event.js';
export * from './stream.js';
export * from './topics.js';
