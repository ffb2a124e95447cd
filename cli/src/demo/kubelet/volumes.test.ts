import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Pod } from './pod.js';
import { linkMounts, materialise, mountsOf } from './volumes.js';

const pod: Pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'planner-1', namespace: 'research', uid: 'u-1', labels: {}, annotations: {}, ownerReferences: [] },
  spec: {
    securityContext: { runAsUser: 7 },
    initContainers: [
      {
        name: 'sidecar',
        securityContext: { runAsUser: 5 },
        volumeMounts: [
          { name: 'crm', mountPath: '/credentials/crm' },
          { name: 'token', mountPath: '/token' },
          { name: 'shared', mountPath: '/shared' },
        ],
      },
    ],
    containers: [{ name: 'agent', volumeMounts: [{ name: 'shared', mountPath: '/shared' }] }],
    volumes: [
      { name: 'crm', secret: { secretName: 'crm' } },
      { name: 'token', projected: { sources: [{ serviceAccountToken: { path: 'token', audience: 'cairn.dev', expirationSeconds: 60 } }] } },
      { name: 'shared', emptyDir: {} },
    ],
  },
};
const sources = {
  secrets: new Map([['crm', { token: 's3cret' }]]),
  token: async (of: Pod, audience: string, seconds: number): Promise<string> => `${of.metadata.name} ${audience} ${seconds}`,
};

async function inFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'cairn-volumes-'));
  try {
    await use(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test('Secrets and tokens are files that their owner alone may read', () =>
  inFolder(async (folder) => {
    await materialise(pod, folder, sources, false);
    assert.equal(readFileSync(join(folder, 'volumes', 'crm', 'token'), 'utf8'), 's3cret');
    assert.equal(readFileSync(join(folder, 'volumes', 'token', 'token'), 'utf8'), 'planner-1 cairn.dev 60');
    assert.equal(statSync(join(folder, 'volumes', 'crm')).mode & 0o777, 0o700);
    assert.equal(statSync(join(folder, 'volumes', 'crm', 'token')).mode & 0o777, 0o400);
    assert.equal(statSync(join(folder, 'volumes', 'shared')).mode & 0o777, 0o755, 'two users mount it');
  }));

test('a Secret that no manifest has is an error that names it', () =>
  inFolder(async (folder) => {
    await assert.rejects(materialise(pod, folder, { ...sources, secrets: new Map() }, false), /Secret crm of pod planner-1/);
  }));

test('every container has its mount paths below a root of its own', () =>
  inFolder(async (folder) => {
    await materialise(pod, folder, sources, false);
    await linkMounts(pod, folder);
    const [sidecar] = pod.spec.initContainers!;
    const { root, paths } = mountsOf(sidecar!, folder);
    assert.equal(readFileSync(join(root, paths[0]!, 'token'), 'utf8'), 's3cret');
    assert.deepEqual(mountsOf(pod.spec.containers[0]!, '/seen'), { root: '/seen/roots/agent', paths: ['/shared'] });
  }));
