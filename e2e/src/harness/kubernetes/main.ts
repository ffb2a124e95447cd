/** Builds what the API-server suites need, so that no test waits for a compiler. Quick where it is built. */
import { controlPlanePrograms, helmProgram, kubectlProgram } from './programs.js';

try {
  await controlPlanePrograms();
  await helmProgram();
  await kubectlProgram();
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exitCode = 1;
}
