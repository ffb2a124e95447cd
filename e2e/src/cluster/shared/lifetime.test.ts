/** A cluster's beginning and end: another beside the one that is up, one whose `up` is killed, and what is left of either. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { attachCluster } from '../../harness/cluster/index.js';

const MAIN = fileURLToPath(new URL('../../harness/cluster/main.js', import.meta.url));
const CLUSTERS = fileURLToPath(new URL('../../../../.cairn/cluster/', import.meta.url));
const NAME = 'cairn-second';
const FOLDER = join(CLUSTERS, NAME);
const POLL_MS = 50;

describe("a cluster's lifetime", () => {
  after(() => make('down'));

  it('leaves nothing that the next does not remove where its up is killed, and nothing at all once it is down', async () => {
    const killed = spawn(process.execPath, [MAIN, 'up', '--name', NAME], { stdio: 'ignore' });
    const node = await nodeOf(FOLDER);
    killed.kill('SIGKILL');
    await once(killed, 'exit');
    assert.ok(await exists(`/proc/${node}`), 'the node that is to be removed is there');

    const up = await make('up');
    assert.match(up, /is up after/);
    assert.ok(!(await exists(`/proc/${node}`)), 'the node of the killed up is gone');

    const first = await attachCluster();
    const second = await attachCluster(NAME);
    assert.notEqual(first.nodeAddress, second.nodeAddress);
    assert.equal(await second.kubectl(['get', 'nodes', '-o', 'name']), `node/${NAME}-node\n`);
    assert.match(await make('up'), /is up already/);

    const { interface: device, cgroup } = JSON.parse(await readFile(join(FOLDER, 'addresses.json'), 'utf8')) as Made;
    assert.ok((await readdir('/sys/class/net')).includes(device));
    assert.notDeepEqual(await cgroupsNamed(cgroup), []);
    assert.match(await make('down'), /is gone/);
    assert.deepEqual((await readdir(FOLDER)).sort(), ['logs']);
    assert.ok((await readdir(join(FOLDER, 'logs'))).includes('kubelet.log'));
    assert.deepEqual(await processesOf(FOLDER), []);
    assert.ok(!(await readdir('/sys/class/net')).includes(device));
    assert.ok(!(await readFile('/proc/net/route', 'utf8')).includes(`${device}\t`));
    assert.deepEqual(await cgroupsNamed(cgroup), []);
    assert.ok(!(await readFile('/proc/self/mountinfo', 'utf8')).includes(FOLDER));
    assert.match(await make('down'), /there is no cluster/);

    assert.match(await first.kubectl(['get', '--raw', '/readyz']), /ok/, 'the other cluster is as it was');
  });
});

interface Made {
  interface: string;
  cgroup: string;
}

/** What `make cluster` and `make cluster-down` run; resolves to what they say. */
async function make(verb: 'up' | 'down'): Promise<string> {
  const child = spawn(process.execPath, [MAIN, verb, '--name', NAME], { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  const [code] = (await once(child, 'close')) as [number | null];
  assert.equal(code, 0, said);
  return said;
}

/** The first process of the node, once its mounts are made. */
async function nodeOf(folder: string): Promise<number> {
  while (!(await exists(join(folder, 'node', 'mounted')))) await delay(POLL_MS);
  return Number(await readFile(join(folder, 'pid'), 'utf8'));
}

/** PIDs of processes with a path below a folder among their arguments. */
async function processesOf(folder: string): Promise<string[]> {
  const found: string[] = [];
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (line.includes(`${folder}/`)) found.push(pid);
  }
  return found;
}

async function cgroupsNamed(name: string): Promise<string[]> {
  const root = '/sys/fs/cgroup';
  const found: string[] = [];
  for (const hierarchy of [root, ...(await readdir(root)).map((each) => join(root, each))]) {
    if (await exists(join(hierarchy, name))) found.push(hierarchy);
  }
  return found;
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
