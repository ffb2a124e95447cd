/** `make images`: Cairn's images as docker-archives, each with its bill of materials beside it, in the folder that is named. */
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { billsOf, buildImages } from './index.js';

const target = process.argv[2] ?? 'dist/images';
const started = Date.now();
await mkdir(target, { recursive: true });
const images = await buildImages();
const bills = await billsOf(images);
for (const image of images) {
  const { reference, archive, bytes, digest } = image;
  const name = reference.replace(/[/:]/g, '-');
  await copyFile(archive, join(target, `${name}.tar`));
  await writeFile(join(target, `${name}.cdx.json`), `${JSON.stringify(bills.get(image), undefined, 1)}\n`);
  process.stdout.write(`${reference}  ${(bytes / 1e6).toFixed(1)} MB  ${digest}\n`);
}
process.stderr.write(
  `in ${target}: archives for docker load, ctr images import or kind load image-archive, and their bills of materials (CycloneDX)\n`,
);
process.stderr.write(`built in ${((Date.now() - started) / 1000).toFixed(1)} s\n`);
