/** Ephemeral containers of an agent's pod: people debug with them, inside the fence. */
import type { Target } from '@cairn/crds';
import { checkContainer, type Report } from './check-container.js';
import { hardened } from './harden.js';
import type { Pod } from './kubernetes.js';
import { CAPTURE_CONTAINER, SIDECAR_CONTAINER } from './names.js';
import type { Problem } from './problem.js';
import type { InjectSettings } from './settings.js';
import { secretsOf } from './volumes.js';

export interface EphemeralContext {
  settings: InjectSettings;
  /** Targets of the pod's policy, whose credentials stay with the sidecar. */
  targets: readonly Target[];
}

type Ephemeral = NonNullable<NonNullable<Pod['spec']>['ephemeralContainers']>[number];

function checkTarget({ targetContainerName }: Ephemeral, path: string, report: Report): void {
  if (targetContainerName !== SIDECAR_CONTAINER && targetContainerName !== CAPTURE_CONTAINER) return;
  report(
    'error',
    'host-namespace',
    `${path}.targetContainerName`,
    "Its processes would share the sidecar's namespace; target an agent's container.",
  );
}

/** Hardens what was added; containers that were there can't be changed. Pure; an object with an error comes back as it was. */
export function injectEphemeral(pod: Pod, old: Pod, context: EphemeralContext): { object: Pod; problems: Problem[] } {
  const problems: Problem[] = [];
  const report: Report = (severity, code, path, message) => problems.push({ severity, code, path: `spec.${path}`, message });
  const before = new Set((old.spec?.ephemeralContainers ?? []).map(({ name }) => name));
  const rules = { sidecarUid: context.settings.sidecarUid, ports: new Set<number>(), secrets: new Set(secretsOf(context.targets)) };
  const containers = (pod.spec?.ephemeralContainers ?? []).map((container, index) => {
    if (before.has(container.name)) return container;
    const path = `ephemeralContainers[${index}]`;
    checkContainer(container, path, rules, report);
    checkTarget(container, path, report);
    return hardened(container);
  });
  if (!pod.spec || problems.some(({ severity }) => severity === 'error')) return { object: pod, problems };
  return { object: { ...pod, spec: { ...pod.spec, ephemeralContainers: containers } }, problems };
}
