export { createLaunchers } from './launchers.js';
export { ownersOf } from './owners.js';
export { agentName, AgentDirectory, mayRunBy, sameChoice } from './directory.js';
export { PolicyBook, type PolicyState } from './policy-book.js';
