export { renderTrail, type TrailOptions } from './terminal/trail.js';
