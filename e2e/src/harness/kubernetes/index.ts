/** A real Kubernetes API server, and real clients for it. */
export { sharedApiServer, startApiServer, type ApiServer, type ApiServerOptions, type Scope } from './api-server.js';
export { CommandError, runCommand, type CommandResult } from './command.js';
export { Clients, type ClientOptions, type TokenOptions } from './clients.js';
export { controlPlanePrograms, helmProgram, kubectlProgram, nodePrograms } from './programs.js';
export { ServerProcess } from './server-process.js';
export { goPrograms, type Source } from './go-build.js';
export { httpsStatus } from './https-status.js';
export { loadAuthority, type Authority, type KeyPair, type Subject } from './certificates.js';
export { writeControlPlaneFiles, type ControlPlaneFiles } from './control-plane-files.js';
export { SERVICE_ACCOUNT_ISSUER } from './control-plane.js';
export { writeKubeconfig } from './kubeconfig.js';
