/** make cluster-demo. */
import { runDemo } from './demo.js';

const began = performance.now();
const step = (text: string): void => {
  const seconds = ((performance.now() - began) / 1000).toFixed(1).padStart(6);
  process.stdout.write(`${seconds} s  ${text}\n`);
};
const say = (text: string): void => void process.stdout.write(`${text}\n`);

try {
  await runDemo({ step, say });
} catch (error) {
  process.stderr.write(`cluster-demo failed: ${(error as Error).message}\n`);
  process.stderr.write('The cluster is still up: its logs are in .cairn/cluster/NAME/logs; make cluster-down takes it down.\n');
  process.exitCode = 1;
}
// Kubernetes' clients and Kafka's keep sockets open; nothing is left to do.
process.exit();
