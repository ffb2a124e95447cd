export { AgentDirectory, mayRunBy, sameChoice } from './directory.js';
export { PolicyBook } from './policy-book.js';
