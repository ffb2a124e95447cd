/** The images that Cairn ships, as images/Dockerfile describes them. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { imageOf, type Image } from './archive.js';
import { baseLayer } from './base.js';
import { imageStages, type Stage } from './dockerfile.js';
import { file, type Entry } from './entry.js';
import { layerOf, type Layer } from './layer.js';
import { librariesOf } from './libraries.js';
import { dependenciesLayer, outputLayer } from './package-tree.js';
import { SOURCES } from './step.js';

const NFT = '/usr/sbin/nft';
/** What tree.sh is asked for, where that is not the image's own name. */
const PACKAGES: Readonly<Record<string, string>> = { ledger: 'cli' };

/** The package that an image is the program of. */
export const packageOf = (image: string): string => PACKAGES[image] ?? image;

/** The stage of images/Dockerfile that an image is of. */
export const imageName = ({ reference }: Pick<Image, 'reference'>): string => /^cairn\/([a-z]+):/.exec(reference)?.[1] ?? reference;

/** Builds what is not in the cache: cairn/operator, cairn/sidecar, cairn/ledger and cairn/agents. The packages must have been compiled. */
export async function buildImages(): Promise<Image[]> {
  const base = await baseLayer();
  const tag = await appVersion();
  const images: Image[] = [];
  for (const stage of await productStages()) {
    images.push(await imageOf(`cairn/${stage.name}:${tag}`, [base, ...(await layersOf(stage))], stage.start));
  }
  return images;
}

export async function productStages(): Promise<Stage[]> {
  return imageStages(await readFile(join(SOURCES, 'images/Dockerfile'), 'utf8'));
}

/** What an image says of its programs' environment, but for where they lie. */
export async function imageEnvironment(image: string): Promise<Record<string, string>> {
  const stage = (await productStages()).find(({ name }) => name === image);
  if (!stage) throw new Error(`images/Dockerfile has no image ${image}`);
  const variables = stage.start.Env.map((each) => [each.slice(0, each.indexOf('=')), each.slice(each.indexOf('=') + 1)] as const);
  return Object.fromEntries(variables.filter(([name]) => name !== 'PATH'));
}

async function appVersion(): Promise<string> {
  const chart = parse(await readFile(join(SOURCES, 'charts/cairn/Chart.yaml'), 'utf8')) as { appVersion: string };
  return chart.appVersion;
}

async function layersOf({ name, copies }: Stage): Promise<Layer[]> {
  const layers: Layer[] = [];
  for (const { from, to } of copies) {
    if (from === '/nft') layers.push(await layerOf('nft', await nftEntries()));
    else if (from === '/app') layers.push(...(await packageLayers(packageOf(name), to.slice(1))));
    else throw new Error(`images/Dockerfile, stage ${name}: nobody builds ${from} without an engine`);
  }
  return layers;
}

/** nft and its libraries. */
export async function nftEntries(): Promise<Entry[]> {
  const libraries = await librariesOf([NFT]);
  // glibc is the base's.
  return [file(NFT.slice(1), NFT, 0o755), ...libraries.filter(({ path }) => !/\/ld-linux|\/libc\.so/.test(path))];
}

/** Dependencies below output: they change seldom. */
async function packageLayers(name: string, at: string): Promise<Layer[]> {
  const dependencies = await dependenciesLayer(name, at);
  return [dependencies, await outputLayer(name, at)];
}
