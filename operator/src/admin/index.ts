export { serveAdmin } from './server.js';
