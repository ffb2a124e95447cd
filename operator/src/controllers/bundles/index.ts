export { createBundles } from './bundles.js';
