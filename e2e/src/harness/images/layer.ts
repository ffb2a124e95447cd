/** A layer: entries as one tar file, the same bytes for the same entries. */
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Transform } from 'node:stream';
import { finished, pipeline } from 'node:stream/promises';
import { pack, type Pack } from 'tar-stream';
import { cached } from '../cache.js';
import { arranged, fingerprint, type Entry } from './entry.js';

export interface Layer {
  /** The tar file, not compressed. */
  file: string;
  /** SHA-256 of the tar file in hex: the layer's DiffID (OCI Image Format, config.md). */
  digest: string;
  bytes: number;
}

const FORMAT = 1;

/** Writes a layer. Rejects when a file is missing. */
export async function writeLayer(entries: readonly Entry[], target: string): Promise<Layer> {
  const hash = createHash('sha256');
  let bytes = 0;
  const measure = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      bytes += chunk.length;
      done(null, chunk);
    },
  });
  const tar = pack();
  const written = pipeline(tar, measure, createWriteStream(target));
  await Promise.all([fill(tar, arranged(entries)), written]);
  return { file: target, digest: hash.digest('hex'), bytes };
}

async function fill(tar: Pack, entries: readonly Entry[]): Promise<void> {
  try {
    for (const entry of entries) await add(tar, entry);
    tar.finalize();
  } catch (error) {
    tar.destroy(error as Error);
    throw error;
  }
}

async function add(tar: Pack, { path, mode, owner, content }: Entry): Promise<void> {
  // The epoch: a layer tells nothing of when and where it was built.
  const common = { name: path, mode, uid: owner, gid: owner, mtime: new Date(0) };
  switch (content.kind) {
    case 'folder':
      return void tar.entry({ ...common, name: `${path}/`, type: 'directory' });
    case 'link':
      return void tar.entry({ ...common, type: 'symlink', linkname: content.to });
    case 'text':
      return void tar.entry(common, content.text);
    case 'file': {
      const { size } = await stat(content.from);
      const entry = tar.entry({ ...common, size });
      await Promise.all([pipeline(createReadStream(content.from), entry), finished(entry)]);
    }
  }
}

/** The layer of these entries from the cache, written there first if need be. */
export async function layerOf(name: string, entries: readonly Entry[]): Promise<Layer> {
  return layerFrom(name, (await fingerprint(entries)).slice(0, 32), () => Promise.resolve(entries));
}

/** The same where a version says what the entries will be, so that they are only gathered when they are not in the cache. */
export async function layerFrom(name: string, version: string, gather: () => Promise<readonly Entry[]>): Promise<Layer> {
  const folder = await cached(`image-layer-${name}`, `${FORMAT}-${version}`, async (draft) => {
    const { digest, bytes } = await writeLayer(await gather(), join(draft, 'layer.tar'));
    await writeFile(join(draft, 'layer.json'), JSON.stringify({ digest, bytes }));
  });
  const known = JSON.parse(await readFile(join(folder, 'layer.json'), 'utf8')) as { digest: string; bytes: number };
  return { file: join(folder, 'layer.tar'), ...known };
}
