/** An image as a docker-archive: what `docker load`, `ctr images import` and `kind load image-archive` take. No engine has a part in it. */
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { readdir, rm, stat, utimes } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { pack, type Pack } from 'tar-stream';
import { cached, cacheFolder } from '../cache.js';
import type { Layer } from './layer.js';
import { KEPT_ARCHIVES, KEPT_MS } from './limits.js';

/** How a container of the image starts, in the words of the OCI image configuration. */
export interface Start {
  User: string;
  Env: string[];
  WorkingDir: string;
  Entrypoint?: string[];
  Cmd: string[];
}

export interface Image {
  /** Name and tag, as a pod names it. */
  reference: string;
  /** A docker-archive. */
  archive: string;
  /** Bytes of the layers, unpacked. */
  bytes: number;
  /** `sha256:` and hex of the configuration: the image's ID, which follows from its content alone. */
  digest: string;
}

const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };

/** The image of these layers, lowest first, from the cache, written there first if need be. */
export async function imageOf(reference: string, layers: readonly Layer[], start: Start): Promise<Image> {
  const configuration = configurationOf(layers, start);
  const digest = createHash('sha256').update(configuration).digest('hex');
  const name = `image-${reference.split(':')[0]!.replaceAll('/', '-')}`;
  const version = createHash('sha256').update(`${reference} ${digest}`).digest('hex').slice(0, 32);
  const folder = await cached(name, version, (draft) => writeArchive(join(draft, 'image.tar'), reference, layers, configuration));
  await utimes(folder, new Date(), new Date());
  await evict(dirname(folder), basename(cacheFolder(name, '')));
  const bytes = layers.reduce((sum, layer) => sum + layer.bytes, 0);
  return { reference, archive: join(folder, 'image.tar'), bytes, digest: `sha256:${digest}` };
}

function configurationOf(layers: readonly Layer[], start: Start): string {
  const created = new Date(0).toISOString();
  return JSON.stringify({
    architecture: ARCHITECTURES[process.arch] ?? process.arch,
    os: 'linux',
    created,
    config: start,
    rootfs: { type: 'layers', diff_ids: layers.map(({ digest }) => `sha256:${digest}`) },
    history: layers.map(() => ({ created, created_by: 'cairn' })),
  });
}

/** `manifest.json`, the configuration and the layers (Docker Image Specification v1.2, "Combined Image JSON + Filesystem Changeset Format"). */
export async function writeArchive(target: string, reference: string, layers: readonly Layer[], configuration: string): Promise<void> {
  const tar = pack();
  const written = pipeline(tar, createWriteStream(target));
  const id = createHash('sha256').update(configuration).digest('hex');
  const manifest = [{ Config: `${id}.json`, RepoTags: [reference], Layers: layers.map(({ digest }) => `${digest}.tar`) }];
  const fill = async (): Promise<void> => {
    addText(tar, 'manifest.json', JSON.stringify(manifest));
    addText(tar, `${id}.json`, configuration);
    for (const layer of layers) await addLayer(tar, layer);
    tar.finalize();
  };
  await Promise.all([fill(), written]);
}

const addText = (tar: Pack, name: string, text: string): void => void tar.entry({ name, mtime: new Date(0) }, text);

async function addLayer(tar: Pack, { file, digest, bytes }: Layer): Promise<void> {
  await pipeline(createReadStream(file), tar.entry({ name: `${digest}.tar`, size: bytes, mtime: new Date(0) }));
}

/** Removes the archives of an image that were not used for longest, but for as many as the limit says. */
async function evict(folder: string, prefix: string): Promise<void> {
  const found: { path: string; used: number }[] = [];
  for (const name of await readdir(folder)) {
    // 32 digits: `image-cairn-sidecar-` is not `image-cairn-sidecar-layer-`.
    if (!name.startsWith(prefix) || !/^[0-9a-f]{32}$/.test(name.slice(prefix.length))) continue;
    const path = join(folder, name);
    const used = await stat(path).then(
      ({ mtimeMs }) => mtimeMs,
      () => undefined,
    );
    if (used !== undefined) found.push({ path, used });
  }
  for (const path of toEvict(found, Date.now())) {
    await rm(path, { recursive: true, force: true });
    await rm(`${path}.lock`, { force: true });
  }
}

/** Which of these are removed, `now` in milliseconds since the epoch. */
export function toEvict(archives: readonly { path: string; used: number }[], now: number): string[] {
  const byUse = [...archives].sort((left, right) => right.used - left.used);
  return byUse.slice(KEPT_ARCHIVES).flatMap(({ path, used }) => (now - used > KEPT_MS ? [path] : []));
}
