export * from './ship/index.js';
export { classifySql } from './protocols/postgres/sql/classify.js';
export { renderPostgresPayload, type RenderedPayload } from './protocols/postgres/render.js';

// For fuzzing: the parsers that read what agents and targets send.
export { BODY, HEAD, MessageReader, MORE, type Framing } from './protocols/http/frame.js';
export { HttpSyntaxError, RequestHead, ResponseHead } from './protocols/http/head.js';
export { Framer } from './protocols/postgres/frame.js';
export { MASK, MaskCounts, maskerFor, type Masker } from './guard/mask.js';
export { JsonMaskError, JsonMasking } from './guard/mask-json.js';
