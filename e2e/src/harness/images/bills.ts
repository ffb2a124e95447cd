/** The bills of materials of Cairn's images. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Image } from './archive.js';
import { baseLibraries } from './base.js';
import { billOf, type Bill, type Component, type NpmBill } from './bill.js';
import type { Entry } from './entry.js';
import { NODE_VERSION, nodeProgram } from './node.js';
import { originsOf } from './origins.js';
import { dependenciesFolder, ownPackages } from './package-tree.js';
import { imageName, nftEntries, packageOf, productStages } from './products.js';
import { SOURCES, step } from './step.js';

/** The bill of each of these images, which buildImages built. */
export async function billsOf(images: readonly Image[]): Promise<Map<Image, Bill>> {
  const base = await baseLibraries(await nodeProgram());
  const stages = await productStages();
  const npm = await npmBill();
  const bills = new Map<Image, Bill>();
  for (const image of images) {
    const copies = stages.find(({ name }) => name === imageName(image))?.copies ?? [];
    const nft = copies.some(({ from }) => from === '/nft') ? await nftEntries() : [];
    bills.set(image, await bill(image, npm, [...base, ...nft]));
  }
  return bills;
}

async function bill({ reference, digest }: Image, npm: NpmBill, machine: readonly Entry[]): Promise<Bill> {
  const name = packageOf(imageName({ reference }));
  const own = await ownPackages(name);
  const installed = await packagesBelow(join(await dependenciesFolder(name), 'node_modules'));
  return billOf({
    reference,
    digest,
    npm,
    packages: new Set([...installed, ...own]),
    others: [node(), ...(await originsOf(machine))],
  });
}

function node(): Component {
  const purl = `pkg:npm/node-linux-${process.arch}@${NODE_VERSION}`;
  // The root certificates are those of this Node.
  const occurrences = ['/nodejs/bin/node', '/etc/ssl/certs/ca-certificates.crt'].map((location) => ({ location }));
  return { 'bom-ref': purl, type: 'platform', name: 'node', version: NODE_VERSION, purl, evidence: { occurrences } };
}

/** Of the whole lock file: with --omit and --workspace npm leaves out what is a development dependency elsewhere. */
async function npmBill(): Promise<NpmBill> {
  return JSON.parse(await step('npm', ['sbom', '--sbom-format=cyclonedx', '--package-lock-only'], SOURCES)) as NpmBill;
}

/** `name@version` of the packages in a node_modules folder, at any depth. */
export async function packagesBelow(folder: string): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await readdir(folder, { withFileTypes: true }).catch(() => [])) {
    if (!entry.isDirectory()) continue;
    const path = join(folder, entry.name);
    if (entry.name.startsWith('@')) {
      found.push(...(await packagesBelow(path)));
      continue;
    }
    const { name, version } = JSON.parse(await readFile(join(path, 'package.json'), 'utf8')) as { name: string; version: string };
    found.push(`${name}@${version}`, ...(await packagesBelow(join(path, 'node_modules'))));
  }
  return found;
}
