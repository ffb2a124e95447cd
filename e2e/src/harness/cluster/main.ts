/** make cluster, make cluster-down. */
import { parseArgs } from 'node:util';
import { takeDown } from './down.js';
import { bringUp } from './up.js';

const USAGE = 'up|down [--name NAME]';

try {
  const { values, positionals } = parseArgs({ allowPositionals: true, options: { name: { type: 'string', default: 'cairn' } } });
  await act(positionals[0], values.name);
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exitCode = 1;
}

async function act(verb: string | undefined, name: string): Promise<void> {
  if (verb === 'up') await up(name);
  else if (verb === 'down') await down(name);
  else throw new Error(USAGE);
}

async function up(name: string): Promise<void> {
  const began = Date.now();
  const { cluster, started } = await bringUp(name);
  const seconds = ((Date.now() - began) / 1000).toFixed(1);
  process.stderr.write(started ? `the cluster ${name} is up after ${seconds} s\n` : `the cluster ${name} is up already\n`);
  process.stdout.write(`export KUBECONFIG=${cluster.kubeconfig}\n`);
}

async function down(name: string): Promise<void> {
  const was = await takeDown(name);
  process.stderr.write(was ? `the cluster ${name} is gone; its logs are kept\n` : `there is no cluster ${name}\n`);
}
