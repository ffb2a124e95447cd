/** Volumes as folders: Secrets and projected tokens written out, emptyDirs empty, each readable by who mounts it alone. */
import { chown, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { PodSpec, Volume } from '@cairn/operator';
import type { Secrets } from './env.js';
import type { Pod } from './pod.js';

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

/** Makes every volume a folder below `root`, named as the volume. `chownTo` false: everything belongs to the demo's own user. */
export async function materialise(pod: Pod, root: string, sources: VolumeSources, chownTo: boolean): Promise<void> {
  for (const volume of pod.spec.volumes ?? []) {
    const folder = join(root, volume.name);
    const users = owners(pod.spec, volume.name);
    await mkdir(folder, { recursive: true, mode: users.length > 1 ? 0o755 : 0o700 });
    const written = Object.entries(await files(volume, pod, sources));
    for (const [name, content] of written) await writeFile(join(folder, name), content, { mode: 0o400 });
    if (!chownTo || users[0] === undefined) continue;
    for (const path of [folder, ...written.map(([name]) => join(folder, name))]) await chown(path, users[0], users[0]);
  }
}

/** mountPath -> folder, for one container; `root` as its process sees it. */
export function mountsOf(
  container: { volumeMounts?: { name: string; mountPath: string }[] | undefined },
  root: string,
): Map<string, string> {
  return new Map((container.volumeMounts ?? []).map((mount) => [mount.mountPath, join(root, mount.name)]));
}
