/** make cluster, make cluster-down. */
import { parseArgs } from 'node:util';
import { takeDown } from './down.js';
import { kindDown, kindUp, kindWorks, NETWORK_ADVICE } from './kind.js';
import { providePrograms } from './programs.js';
import { providerFor, type Provider } from './provider.js';
import { run } from './run.js';
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
  if (verb !== 'up' && verb !== 'down') throw new Error(USAGE);
  const root = process.getuid?.() === 0;
  const machine = { platform: process.platform, root, kind: !root && (await kindWorks()), kubeconfig: process.env['CLUSTER_KUBECONFIG'] };
  const provider = providerFor(machine);
  await (verb === 'up' ? up(provider, name) : down(provider, name));
}

async function up(provider: Provider, name: string): Promise<void> {
  const began = Date.now();
  const { kubeconfig, started } = await upBy(provider, name);
  const seconds = ((Date.now() - began) / 1000).toFixed(1);
  say(started ? `the cluster ${name} is up after ${seconds} s` : `the cluster ${name} is up already`);
  process.stdout.write(`export KUBECONFIG=${kubeconfig}\n`);
}

async function upBy(provider: Provider, name: string): Promise<{ kubeconfig: string; started: boolean }> {
  switch (provider.by) {
    case 'given':
      await run('kubectl', ['--kubeconfig', provider.kubeconfig, 'get', 'nodes']);
      say('CLUSTER_KUBECONFIG names the cluster; its network plugin must enforce NetworkPolicy');
      return { kubeconfig: provider.kubeconfig, started: false };
    case 'kind': {
      const made = await kindUp(name);
      say(NETWORK_ADVICE);
      return made;
    }
    case 'node': {
      await provide();
      const { cluster, started } = await bringUp(name);
      return { kubeconfig: cluster.kubeconfig, started };
    }
    case 'none':
      throw new Error(provider.problem);
  }
}

/** Apart from the rest, since a cold start is mostly this. */
async function provide(): Promise<void> {
  const began = Date.now();
  await providePrograms();
  say(`its programs are there after ${((Date.now() - began) / 1000).toFixed(1)} s`);
}

async function down(provider: Provider, name: string): Promise<void> {
  switch (provider.by) {
    case 'given':
      return say('CLUSTER_KUBECONFIG names the cluster; it stays as it is');
    case 'kind':
      return say((await kindDown(name)) ? `the cluster ${name} is gone` : `there is no cluster ${name}`);
    case 'node':
      return say((await takeDown(name)) ? `the cluster ${name} is gone; its logs are kept` : `there is no cluster ${name}`);
    case 'none':
      throw new Error(provider.problem);
  }
}

function say(sentence: string): void {
  process.stderr.write(`${sentence}\n`);
}
