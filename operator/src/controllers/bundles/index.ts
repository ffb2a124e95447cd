export { createBundles, type Bundles } from './bundles.js';
