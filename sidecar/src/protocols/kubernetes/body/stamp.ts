/** Puts the launch reference of whom an agent serves on a workload that it creates or changes. Pure; the reference was signed before. */
import { REFERENCE_ANNOTATION } from '@cairn/audit';
import type { Submitted } from './submitted.js';

/** The body as the API server gets it, undefined where it stays as it is; or why it cannot say for whom it is: completes "the body ...". */
export type Stamped = { body: Buffer | undefined } | { refused: string };

type Fields = Record<string, unknown>;
const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value);

/** Resources whose objects make pods, by `resource.group`; admission takes the reference off them. */
const WORKLOADS = new Set([
  'pods',
  'replicationcontrollers',
  'deployments.apps',
  'replicasets.apps',
  'statefulsets.apps',
  'daemonsets.apps',
  'jobs.batch',
  'cronjobs.batch',
]);

/** Whether a request launches something. Of pods only a creation does. */
export function launches(verb: string, kind: string, subresource: string): boolean {
  if (subresource !== '' || !WORKLOADS.has(kind)) return false;
  return verb === 'create' || (kind !== 'pods' && (verb === 'update' || verb === 'patch'));
}

/** `patch` is the patch's type, empty for a whole object. What the agent wrote in the reference's place is dropped. */
export function stamp(submitted: Submitted, patch: string, reference: string): Stamped {
  switch (submitted.form) {
    case 'unread':
      return { refused: submitted.reason };
    case 'protobuf':
      return { refused: 'is protobuf, which cannot carry the reference; send JSON or YAML' };
    case 'cbor':
      return { refused: 'is CBOR, which cannot carry the reference; send JSON or YAML' };
    case 'json':
    case 'yaml':
      return patch === 'json' ? stampOperations(submitted.value) : stampObject(submitted.value, patch, reference);
    default:
      return submitted satisfies never;
  }
}

function stampObject(value: unknown, patch: string, reference: string): Stamped {
  if (!isFields(value)) return { refused: 'is no object' };
  const { metadata = {} } = value;
  if (!isFields(metadata)) return { refused: 'has no metadata that the reference could stand in' };
  const { annotations = {} } = metadata;
  // To a patch null means to remove all of them, which leaves no place for ours.
  if (annotations === null && patch !== '')
    return { refused: 'removes all annotations, where the reference must stand; name those to remove' };
  if (annotations !== null && !isFields(annotations)) return { refused: 'has annotations that are no object' };
  const stamped = { ...value, metadata: { ...metadata, annotations: { ...annotations, [REFERENCE_ANNOTATION]: reference } } };
  const text = JSON.stringify(stamped);
  return holdsNumbers(text) ? { body: Buffer.from(text) } : { refused: 'has a number that is too large to be kept exactly' };
}

/** Whether every number is one that reading and writing it kept: integers beyond 2^53 are not. */
function holdsNumbers(text: string): boolean {
  return !/(?:\d{16}|e\+)/.test(text.replace(/"(?:[^"\\]|\\.)*"/g, '""'));
}

/** What pods run, and where the reference stands; of other changes to a CronJob admission says itself that they launch something. */
const PLACES = ['/spec/template', '/spec/jobTemplate', `/metadata/annotations/${REFERENCE_ANNOTATION.replaceAll('/', '~1')}`];

/** Whether an operation of a JSON patch (RFC 6902) could change one of them. */
function touches(pointer: unknown): boolean {
  if (typeof pointer !== 'string') return true;
  const [at, inside] = [`${pointer}/`, (place: string) => `${place}/`];
  return PLACES.some((place) => at.startsWith(inside(place)) || inside(place).startsWith(at));
}

/** A JSON patch cannot add an annotation without knowing whether there are any, so it may not touch what is launched. */
function stampOperations(value: unknown): Stamped {
  if (!Array.isArray(value)) return { refused: 'is no JSON patch' };
  for (const operation of value as unknown[]) {
    const { path, from = '/none' } = isFields(operation) ? operation : {};
    if (touches(path) || touches(from)) {
      return { refused: 'is a JSON patch of what is launched, which cannot carry the reference; send a merge or strategic merge patch' };
    }
  }
  return { body: undefined };
}
