export { describeBody, type Details } from './describe.js';
export { MAX_OBJECT_BYTES } from './limits.js';
export { launches, stamp } from './stamp.js';
export { readSubmitted } from './submitted.js';
