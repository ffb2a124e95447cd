/** What one container of an agent's pod may not ask for: whatever would let it past its sidecar, or at the sidecar's things. */
import type { Container } from './kubernetes.js';
import { isOurVolume, isSidecarUid, OURS_BY_NAME, ROOT, SERVICE_ACCOUNT_DIR } from './names.js';
import type { Problem, ProblemCode } from './problem.js';

/** Tells of a problem at a path below the pod's spec. */
export type Report = (severity: Problem['severity'], code: ProblemCode, path: string, message: string) => void;

export interface ContainerRules {
  /** UID of sidecars that is not of the reserved range. */
  sidecarUid: number;
  /** Ports that sidecar and capture listen on. */
  ports: ReadonlySet<number>;
  /** Secrets of targets' credentials. */
  secrets: ReadonlySet<string>;
}

/** What containers and ephemeral containers have in common. */
export type AnyContainer = Pick<
  Container,
  'name' | 'securityContext' | 'env' | 'envFrom' | 'ports' | 'volumeMounts' | 'startupProbe' | 'livenessProbe' | 'readinessProbe'
>;

const PROBES = ['startupProbe', 'livenessProbe', 'readinessProbe'] as const;

export function checkUser(uid: number | undefined, path: string, rules: ContainerRules, report: Report): void {
  if (uid === undefined || (uid !== rules.sidecarUid && !isSidecarUid(uid))) return;
  report('error', 'sidecar-uid', path, `User ${uid} is reserved for sidecars, whose traffic is not captured; choose another.`);
}

function checkContext({ securityContext: context = {} }: AnyContainer, path: string, rules: ContainerRules, report: Report): void {
  const at = `${path}.securityContext`;
  if (context.privileged)
    report('error', 'privileged', `${at}.privileged`, 'A privileged container can rewrite the capture rules; remove it.');
  if (context.procMount === 'Unmasked')
    report('error', 'privileged', `${at}.procMount`, 'An unmasked /proc gives a container the kernel; remove it.');
  checkUser(context.runAsUser, `${at}.runAsUser`, rules, report);
  const added = context.capabilities?.add ?? [];
  if (added.length > 0) {
    report('warning', 'capability-removed', `${at}.capabilities.add`, `${added.join(', ')} removed: agents run without capabilities.`);
  }
}

function checkProbes(container: AnyContainer, path: string, report: Report): void {
  for (const kind of PROBES) {
    if (!container[kind]?.httpGet && !container[kind]?.grpc) continue;
    const message = 'Requests of kubelet prove no identity and are refused where the policy requires one; ask inside the container (exec).';
    report('warning', 'network-probe', `${path}.${kind}`, message);
  }
}

function checkPorts(container: AnyContainer, path: string, rules: ContainerRules, report: Report): void {
  (container.ports ?? []).forEach(({ containerPort }, index) => {
    if (!rules.ports.has(containerPort)) return;
    report('error', 'port-collision', `${path}.ports[${index}]`, `Port ${containerPort} is the sidecar's in this pod; serve another.`);
  });
}

/** /var/run is a link to /run in most images. */
const canonical = (path: string): string => path.replace(/\/+$/, '').replace(/^\/run\//, '/var/run/');
const within = (path: string, folder: string): boolean => path === folder || path.startsWith(`${folder}/`);

function checkMounts(container: AnyContainer, path: string, report: Report): void {
  (container.volumeMounts ?? []).forEach(({ name, mountPath }, index) => {
    const at = `${path}.volumeMounts[${index}]`;
    const place = canonical(mountPath);
    if (isOurVolume(name)) report('error', 'reserved-name', at, `Volume ${name} is the sidecar's; do not mount it.`);
    else if (within(place, ROOT) || within(place, SERVICE_ACCOUNT_DIR))
      report('error', 'mount-collision', at, `The sidecar's folder is mounted at ${mountPath}; mount ${name} elsewhere.`);
  });
}

function checkSecrets({ env = [], envFrom = [] }: AnyContainer, path: string, { secrets }: ContainerRules, report: Report): void {
  const named = [
    ...env.map((each, index) => [`env[${index}]`, each.valueFrom?.secretKeyRef?.name] as const),
    ...envFrom.map((each, index) => [`envFrom[${index}]`, each.secretRef?.name] as const),
  ];
  for (const [at, name] of named) {
    if (name !== undefined && secrets.has(name)) report('error', 'credential-mounted', `${path}.${at}`, credentialMessage(name));
  }
}

export function credentialMessage(secret: string): string {
  return `Secret ${secret} is the credential of a target, which the sidecar presents and an agent never holds; remove it.`;
}

/** Checks a container as the user wrote it. `path` is its place below the pod's spec. */
export function checkContainer(container: AnyContainer, path: string, rules: ContainerRules, report: Report): void {
  if (OURS_BY_NAME.test(container.name))
    report('error', 'reserved-name', `${path}.name`, 'Names that begin with cairn- are reserved for the sidecar; rename it.');
  checkContext(container, path, rules, report);
  checkProbes(container, path, report);
  checkPorts(container, path, rules, report);
  checkMounts(container, path, report);
  checkSecrets(container, path, rules, report);
}
