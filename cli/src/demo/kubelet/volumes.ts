/** Volumes as folders: Secrets and projected tokens written out, emptyDirs empty, each readable by who mounts it alone. */
import { chown, mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import type { Container, PodSpec, Volume } from '@cairn/operator';
import type { Mounts, Secrets } from './env.js';
import type { Pod } from './pod.js';

/** Folders of a pod's folder. */
export const VOLUMES = 'volumes';
const ROOTS = 'roots';

export interface VolumeSources {
  secrets: Secrets;
  /** A service account token of the pod for an audience, as the API server would issue it. */
  token(pod: Pod, audience: string, seconds: number): Promise<string>;
}

/** Who may use a volume: the users of the containers that mount it. More than one: everybody may read, the first may write. */
function owners(spec: PodSpec, volume: string): number[] {
  const containers = [...(spec.initContainers ?? []), ...spec.containers];
  const mounting = containers.filter((container) => container.volumeMounts?.some((mount) => mount.name === volume));
  return [...new Set(mounting.map((container) => container.securityContext?.runAsUser ?? spec.securityContext?.runAsUser ?? 0))];
}

async function files(volume: Volume, pod: Pod, sources: VolumeSources): Promise<Record<string, string>> {
  const name = volume.secret?.secretName;
  if (name !== undefined) {
    const data = sources.secrets.get(name);
    if (!data) throw new Error(`Secret ${name} of pod ${pod.metadata.name} is not among the manifests`);
    return { ...data };
  }
  const tokens = (volume.projected?.sources ?? []).flatMap((source) => source.serviceAccountToken ?? []);
  const written = tokens.map(
    async (each) => [each.path, await sources.token(pod, each.audience ?? '', each.expirationSeconds ?? 3600)] as const,
  );
  return Object.fromEntries(await Promise.all(written));
}

/** Makes every volume a folder below `home`/volumes, named as it is. `chownTo` false: everything belongs to the demo's own user. */
export async function materialise(pod: Pod, home: string, sources: VolumeSources, chownTo: boolean): Promise<void> {
  for (const volume of pod.spec.volumes ?? []) {
    const folder = join(home, VOLUMES, volume.name);
    const users = owners(pod.spec, volume.name);
    await mkdir(folder, { recursive: true, mode: users.length > 1 ? 0o755 : 0o700 });
    const written = Object.entries(await files(volume, pod, sources));
    for (const [name, content] of written) await writeFile(join(folder, name), content, { mode: 0o400 });
    if (!chownTo || users[0] === undefined) continue;
    for (const path of [folder, ...written.map(([name]) => join(folder, name))]) await chown(path, users[0], users[0]);
  }
}

/**
 * One folder a container in which its mount paths are links to the volumes, so that a folder above several mounts is there
 * too. `home`: the pod's folder, with `volumes` in it.
 */
export async function linkMounts(pod: Pod, home: string): Promise<void> {
  for (const container of [...(pod.spec.initContainers ?? []), ...pod.spec.containers]) {
    for (const { name, mountPath } of container.volumeMounts ?? []) {
      const link = join(home, ROOTS, container.name, mountPath);
      await mkdir(dirname(link), { recursive: true, mode: 0o755 });
      await symlink(relative(dirname(link), join(home, VOLUMES, name)), link);
    }
  }
}

/** The container's mounts as its processes see them; `home` as they see the pod's folder. */
export function mountsOf(container: Container, home: string): Mounts {
  return { root: join(home, ROOTS, container.name), paths: (container.volumeMounts ?? []).map((mount) => mount.mountPath) };
}
