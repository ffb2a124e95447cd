/** Where the files of an image come from that are not from npm: Debian's packages, where the machine has dpkg, else the files themselves. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Component } from './bill.js';
import type { Entry } from './entry.js';
import { step } from './step.js';

/** Components for entries that are files of this machine, one for each package. */
export async function originsOf(entries: readonly Entry[]): Promise<Component[]> {
  const packages = await debianPackages(entries);
  const components = new Map<string, Component>();
  for (const { path, content } of entries) {
    if (content.kind !== 'file') continue;
    const owned = pathsOf(path, content.from).map((each) => packages.get(each));
    const origin = owned.find((each) => each !== undefined) ?? (await fileItself(path, content.from));
    const known = components.get(origin['bom-ref']) ?? { ...origin, evidence: { occurrences: [] } };
    known.evidence!.occurrences.push({ location: `/${path}` });
    components.set(origin['bom-ref'], known);
  }
  return [...components.values()].sort((left, right) => (left['bom-ref'] < right['bom-ref'] ? -1 : 1));
}

/** dpkg knows a file by the path in its package, which may be older than the merge of /lib into /usr/lib. */
const pathsOf = (path: string, from: string): string[] => [from, from.replace(/^\/usr/, ''), `/${path}`, `/${path.replace(/^usr\//, '')}`];

/** The packages of files, by the files' paths. Empty where there is no dpkg. */
async function debianPackages(entries: readonly Entry[]): Promise<Map<string, Component>> {
  const paths = entries.flatMap(({ path, content }) => (content.kind === 'file' ? pathsOf(path, content.from) : []));
  // It fails when one of the paths is not known, and prints the others all the same.
  const found = await step('sh', ['-c', 'dpkg-query --search "$@" 2>/dev/null || true', 'sh', ...new Set(paths)]);
  const owners = new Map<string, string>();
  for (const [, owner, path] of found.matchAll(/^([^,\s]+): (\/.*)$/gm)) owners.set(path!, owner!);
  const known = await describe([...new Set(owners.values())]);
  return new Map([...owners].flatMap(([path, owner]) => (known.has(owner) ? [[path, known.get(owner)!] as const] : [])));
}

async function describe(names: readonly string[]): Promise<Map<string, Component>> {
  const components = new Map<string, Component>();
  if (names.length === 0) return components;
  const format = '--showformat=${binary:Package} ${Package} ${Version} ${Architecture}\n';
  for (const line of (await step('dpkg-query', ['--show', format, ...names])).split('\n')) {
    const [binary, name = '', version = '', architecture = ''] = line.split(' ');
    if (!binary) continue;
    const purl = `pkg:deb/debian/${name}@${encodeURIComponent(version)}?arch=${architecture}`;
    components.set(binary, { 'bom-ref': purl, type: 'library', name, version, purl });
  }
  return components;
}

async function fileItself(path: string, from: string): Promise<Component> {
  const content = createHash('sha256')
    .update(await readFile(from))
    .digest('hex');
  return { 'bom-ref': `/${path}`, type: 'file', name: `/${path}`, hashes: [{ alg: 'SHA-256', content }] };
}
