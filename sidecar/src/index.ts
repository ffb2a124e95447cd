export * from './ship/index.js';
export { classifySql } from './protocols/postgres/sql/classify.js';
export { renderPostgresPayload, type RenderedPayload } from './protocols/postgres/render.js';
