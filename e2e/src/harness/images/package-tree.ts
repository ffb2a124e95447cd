/** The files of a package at run time, by images/tree.sh: the same script that images/Dockerfile runs. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { cached } from '../cache.js';
import { entriesBelow, file, fingerprint } from './entry.js';
import { layerFrom, type Layer } from './layer.js';
import { SOURCES, step } from './step.js';

/** Packages that no image holds. */
const NOT_IN_IMAGES: readonly string[] = ['e2e', 'bench'];
/** Folders whose files tree.sh copies without a compiler's having made them. */
const AS_THEY_ARE = ['cli/bin', 'examples/agents'] as const;

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

/** The layer of a package's own output and that of the packages below it, from the cache by what they are compiled from. */
export async function outputLayer(name: string, at: string): Promise<Layer> {
  const target = await mkdtemp(join(tmpdir(), `cairn-image-${name}-`));
  try {
    return await layerFrom(name, `${await outputVersion()}${at.replaceAll('/', '-')}`, async () => {
      await step('sh', ['images/tree.sh', name, target, 'output']);
      return entriesBelow(target, at);
    });
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

async function workspaces(): Promise<string[]> {
  const root = JSON.parse(await readFile(join(SOURCES, 'package.json'), 'utf8')) as { workspaces: string[] };
  return root.workspaces;
}

async function installedFrom(): Promise<string[]> {
  const manifests = (await workspaces()).map((name) => join(name, 'package.json'));
  return ['package.json', 'package-lock.json', 'images/tree.sh', ...manifests];
}

async function dependenciesVersion(): Promise<string> {
  const hash = createHash('sha256').update(process.arch);
  for (const path of await installedFrom()) {
    hash.update(path).update(await readFile(join(SOURCES, path)));
  }
  return hash.digest('hex').slice(0, 32);
}

/** What the compiler read, by its own account of it (`.tsbuildinfo` holds the hash of every source), and what is copied as it is. */
async function outputVersion(): Promise<string> {
  const sources = (await workspaces()).filter((name) => !NOT_IN_IMAGES.includes(name));
  const compiled = sources.map((name) => join(name, 'dist', '.tsbuildinfo')).filter((path) => existsSync(join(SOURCES, path)));
  const kept = [...compiled, ...(await installedFrom())].map((path) => file(path, join(SOURCES, path)));
  const copied = await Promise.all(AS_THEY_ARE.map((path) => entriesBelow(join(SOURCES, path), path)));
  return (await fingerprint([...kept, ...copied.flat()])).slice(0, 32);
}
