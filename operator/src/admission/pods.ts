/** Validation of pods as they are to be stored: what injection rendered still stands, and what a launch rests on does not change. */
import {
  AGENT_LABEL,
  inject,
  injectEphemeral,
  isSidecarUid,
  SIDECAR_CONTAINER,
  skipOf,
  type Container,
  type KubernetesObject,
  type Pod,
} from '../inject/index.js';
import { passed, refusalOf, refused } from './decision.js';
import type { AdmissionContext } from './options.js';
import type { AdmissionRequest, Decision } from './review.js';
import { grantOn, injectContext, policyOf } from './subject.js';

type Plain = Readonly<Record<string, unknown>>;
const isPlain = (value: unknown): value is Plain => typeof value === 'object' && value !== null && !Array.isArray(value);

/** Amounts are rewritten by the API server (0.5 becomes 500m), and limit nobody's reach. */
const UNCOMPARED = new Set(['resources']);

/** Whether `actual` says all that `expected` says; the API server adds defaults. */
function includes(actual: unknown, expected: unknown): boolean {
  if (isPlain(expected)) {
    if (!isPlain(actual)) return false;
    return Object.entries(expected).every(([key, value]) => value === undefined || UNCOMPARED.has(key) || includes(actual[key], value));
  }
  if (Array.isArray(expected)) {
    return Array.isArray(actual) && actual.length === expected.length && expected.every((value, index) => includes(actual[index], value));
  }
  return actual === expected || (expected === '' && actual === undefined);
}

const sidecarUidOf = (pod: Pod): number | undefined =>
  pod.spec?.initContainers?.find(({ name }) => name === SIDECAR_CONTAINER)?.securityContext?.runAsUser;

async function grantHolds(pod: Pod, request: AdmissionRequest, options: AdmissionContext): Promise<Decision | undefined> {
  const token = grantOn(pod.metadata ?? {});
  const chosen = policyOf({ metadata: pod.metadata ?? {}, namespace: request.namespace }, options);
  if ('problem' in chosen) return refused(chosen.problem.code, chosen.problem.message);
  if (token === undefined) {
    if (!chosen.spec.identity.required) return undefined;
    return refused('unstamped', 'the pod carries no launch grant; another admission webhook must have taken it off');
  }
  const grant = await options.signer.verify(token);
  if (grant.namespace === request.namespace && grant.agent === pod.metadata?.labels?.[AGENT_LABEL]) return undefined;
  return refused('grant-agent', "the pod's launch grant is for another agent than its label names");
}

async function created(pod: Pod, request: AdmissionRequest, options: AdmissionContext): Promise<Decision> {
  const object = pod as KubernetesObject;
  const skipped = skipOf(object, true);
  if (skipped) return passed(skipped);
  const uid = sidecarUidOf(pod);
  const agent = pod.metadata?.labels?.[AGENT_LABEL];
  const context = injectContext(request.namespace, true, options);
  const drawn = uid !== undefined && isSidecarUid(uid) ? { sidecarUid: uid } : {};
  const expected = inject(object, { ...context, ...drawn, ...(agent === undefined ? {} : { agent }) });
  const refusal = refusalOf(expected.problems);
  if (refusal) return refusal;
  if (!includes(pod, expected.object)) {
    return refused(
      'not-injected',
      'the pod is not what injection rendered; another admission webhook changed its sidecar, or containers that it holds',
    );
  }
  return (await grantHolds(pod, request, options)) ?? passed('held');
}

/** What of a running agent's pod a launch rests on. */
function launchRestsOn(pod: Pod): string {
  const ours = (map: Readonly<Record<string, string>> = {}): unknown =>
    Object.entries(map)
      .filter(([key]) => key.startsWith('cairn.dev/'))
      .toSorted(([a], [b]) => (a < b ? -1 : 1));
  const images = (containers: readonly Container[] = []): unknown => containers.map(({ name, image }) => [name, image]);
  const { metadata, spec } = pod;
  return JSON.stringify([ours(metadata?.labels), ours(metadata?.annotations), images(spec?.initContainers), images(spec?.containers)]);
}

function updated(pod: Pod, old: Pod): Decision {
  const isAgent = [pod, old].some(({ metadata }) => metadata?.labels?.[AGENT_LABEL] !== undefined);
  if (!isAgent || launchRestsOn(pod) === launchRestsOn(old)) return passed('unchanged');
  const message = "an agent's pod keeps its images and its labels and annotations of cairn.dev, which its launch rests on; replace the pod";
  return refused('immutable', message);
}

function ephemeral(pod: Pod, old: Pod, request: AdmissionRequest, options: AdmissionContext): Decision {
  const chosen = policyOf({ metadata: pod.metadata ?? {}, namespace: request.namespace }, options);
  const expected = injectEphemeral(pod, old, { settings: options.settings(), targets: 'spec' in chosen ? chosen.spec.targets : [] });
  const refusal = refusalOf(expected.problems);
  if (refusal) return refusal;
  return includes(pod, expected.object) ? passed('held') : refused('not-injected', 'the ephemeral container is not hardened');
}

/** Throws IdentityError where a grant does not hold. */
export async function validatePod(request: AdmissionRequest, options: AdmissionContext): Promise<Decision> {
  const { object, old, operation, subResource } = request;
  if (!object) return passed('no-object');
  if (subResource === 'ephemeralcontainers') return ephemeral(object as Pod, (old ?? {}) as Pod, request, options);
  if (subResource !== '') return passed('not-a-launch');
  if (operation === 'UPDATE') return updated(object as Pod, (old ?? {}) as Pod);
  return created(object as Pod, request, options);
}
