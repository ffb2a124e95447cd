/** A real Kubernetes API server, and real clients for it. */
export { kubectlProgram } from './programs.js';
export { sharedApiServer, startApiServer, type ApiServer, type ApiServerOptions, type Scope } from './api-server.js';
export { CommandError, runCommand, type CommandResult } from './command.js';
export type { ClientOptions, TokenOptions } from './clients.js';
export { helmProgram } from './programs.js';
export { ServerProcess } from './server-process.js';
