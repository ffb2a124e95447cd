/** Images for the node's containerd. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { extract } from 'tar-stream';
import { lock } from '../lock.js';
import { LOCK_TIMEOUT_S } from './limits.js';
import type { NodeNamespaces } from './node-namespaces.js';

/**
 * Makes the images of a docker-archive known to the node, unless it has them of this very file: reading it takes seconds, and suites ask
 * one after another. `folder` notes which file each image is of, and goes with the node. One archive at a time, whoever asks.
 */
export async function importArchive(node: Pick<NodeNamespaces, 'exec'>, archive: string, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const note = join(
    folder,
    `${createHash('sha256')
      .update(await referencesIn(archive))
      .digest('hex')}.json`,
  );
  const { ino, mtimeMs, size } = await stat(archive);
  const file = JSON.stringify({ archive, ino, mtimeMs, size });
  const release = await lock(join(folder, 'lock'), LOCK_TIMEOUT_S);
  try {
    if ((await readFile(note, 'utf8').catch(() => undefined)) === file) return;
    // k8s.io is the namespace of containerd in which the kubelet looks.
    await node.exec(['ctr', '--namespace', 'k8s.io', 'images', 'import', '--no-unpack=false', archive]);
    await writeFile(note, file);
  } finally {
    release();
  }
}

/** The names and tags that importing gives away, which another archive may have had (Docker Image Specification v1.2, `RepoTags`). */
async function referencesIn(archive: string): Promise<string> {
  const source = createReadStream(archive);
  try {
    for await (const entry of source.pipe(extract())) {
      if (entry.header.name === 'manifest.json') {
        const images = JSON.parse(await text(entry)) as { RepoTags: string[] }[];
        return JSON.stringify(images.map(({ RepoTags }) => RepoTags));
      }
      entry.resume();
    }
  } finally {
    source.destroy();
  }
  throw new Error(`${archive} is no docker-archive: it has no manifest.json`);
}
