/** The files of a package at run time, by images/tree.sh: the same script that images/Dockerfile runs. */
import { createHash } from 'node:crypto';
import { cp, mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { cached } from '../cache.js';
import { entriesBelow } from './entry.js';
import { layerFrom, layerOf, type Layer } from './layer.js';
import { SOURCES, step } from './step.js';

/** The layer of a package's dependencies below `at`, from the cache by the lock file and the manifests that they follow from. */
export async function dependenciesLayer(name: string, at: string): Promise<Layer> {
  return layerFrom(`${name}-dependencies`, `${await dependenciesVersion()}${at.replaceAll('/', '-')}`, async () =>
    entriesBelow(await dependenciesFolder(name), at),
  );
}

/** The folder of a package's dependencies, in the cache. */
export async function dependenciesFolder(name: string): Promise<string> {
  return cached(`image-dependencies-${name}`, await dependenciesVersion(), async (target) => {
    process.stderr.write(`installing what the ${name} image needs ...\n`);
    await installDependencies(name, target);
  });
}

/** Installs them by the lock file into a folder, from nothing. */
export async function installDependencies(name: string, target: string): Promise<void> {
  const copy = await mkdtemp(join(tmpdir(), `cairn-image-${name}-`));
  try {
    for (const path of await installedFrom()) {
      await mkdir(dirname(join(copy, path)), { recursive: true });
      await cp(join(SOURCES, path), join(copy, path));
    }
    await step('sh', ['images/tree.sh', name, target, 'dependencies'], copy);
  } finally {
    await rm(copy, { recursive: true, force: true });
  }
}

/** The layer of a package's own output and that of the packages below it, as they are built now. */
export async function outputLayer(name: string, at: string): Promise<Layer> {
  const target = await mkdtemp(join(tmpdir(), `cairn-image-${name}-`));
  try {
    await step('sh', ['images/tree.sh', name, target, 'output']);
    return await layerOf(name, await entriesBelow(target, at));
  } finally {
    await rm(target, { recursive: true, force: true });
  }
}

/** `name@version` of the packages of this project that an image has, by what tree.sh leaves. */
export async function ownPackages(name: string): Promise<string[]> {
  const target = await mkdtemp(join(tmpdir(), `cairn-image-${name}-`));
  try {
    await step('sh', ['images/tree.sh', name, target, 'output']);
    return await Promise.all(
      (await readdir(target)).filter((each) => each !== 'node_modules').map((each) => identityOf(join(target, each))),
    );
  } finally {
    await rm(target, { recursive: true, force: true });
  }
}

async function identityOf(folder: string): Promise<string> {
  const { name, version } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as { name: string; version: string };
  return `${name}@${version}`;
}

async function installedFrom(): Promise<string[]> {
  const root = JSON.parse(await readFile(join(SOURCES, 'package.json'), 'utf8')) as { workspaces: string[] };
  return ['package.json', 'package-lock.json', 'images/tree.sh', ...root.workspaces.map((name) => join(name, 'package.json'))];
}

async function dependenciesVersion(): Promise<string> {
  const hash = createHash('sha256').update(process.arch);
  for (const path of await installedFrom()) {
    hash.update(path).update(await readFile(join(SOURCES, path)));
  }
  return hash.digest('hex').slice(0, 32);
}
