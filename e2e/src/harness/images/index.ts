/** Images without an engine: Cairn's own, and those that only tests need. */
export type { Image } from './archive.js';
export { billsOf } from './bills.js';
export { buildImages, imageEnvironment } from './products.js';
export { buildNodeImage, programImage } from './program.js';
export { loadImages } from './load.js';
export { buildPostgres } from './postgres.js';
export { buildToolbox } from './toolbox.js';
