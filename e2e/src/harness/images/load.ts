/** Puts Cairn's images into a cluster. */
import type { Image } from './archive.js';
import { buildImages } from './products.js';

/** What takes an archive: a cluster of e2e/src/harness/cluster. */
export interface ImageStore {
  importImage(archive: string): Promise<void>;
}

/** Builds the images and imports them. Resolves to what a pod may name from now on. */
export async function loadImages(cluster: ImageStore): Promise<Image[]> {
  const images = await buildImages();
  for (const { archive } of images) await cluster.importImage(archive);
  return images;
}
