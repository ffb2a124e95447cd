/** What a request's body says of what is done, as parameters of its operation. Pure. */
import { objectFields, patchChanges, wellFormed, type PatchType } from './changes.js';
import { OBJECT_FIELD_DEPTH } from './limits.js';
import type { Submitted } from './submitted.js';

export type Details = Record<string, string | string[]>;

type Fields = Readonly<Record<string, unknown>>;
const fieldsOf = (value: unknown): Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {};

const PATCHES: ReadonlySet<string> = new Set<PatchType>(['json', 'merge', 'strategic', 'apply']);
/** Members of DeleteOptions that say how something is deleted. */
const DELETE_OPTIONS = ['dryRun', 'gracePeriodSeconds', 'propagationPolicy', 'orphanDependents'];

/** `verb` of the API; `patch` the patch's type. A body that is not understood says so in `body`. */
export function describeBody(verb: string, patch: string, submitted: Submitted): Details {
  switch (submitted.form) {
    case 'unread':
      return { body: `not read: it ${submitted.reason}` };
    case 'protobuf': {
      const { apiVersion, kind, name, generateName } = submitted.object;
      return texts({ body: 'protobuf', apiVersion, kind, name, generateName });
    }
    case 'cbor':
    case 'json':
    case 'yaml':
      return describeValue(verb, patch, submitted.value);
    default:
      return submitted satisfies never;
  }
}

function describeValue(verb: string, patch: string, value: unknown): Details {
  if (verb === 'patch') return PATCHES.has(patch) ? changes(patch as PatchType, value) : {};
  const object = fieldsOf(value);
  if (verb === 'delete' || verb === 'deletecollection')
    return texts(Object.fromEntries(DELETE_OPTIONS.map((each) => [each, object[each]])));
  const { name, generateName } = fieldsOf(object['metadata']);
  const named = texts({ kind: object['kind'], name, generateName });
  return verb === 'update' ? { ...named, fields: objectFields(value, OBJECT_FIELD_DEPTH) } : named;
}

function changes(type: PatchType, value: unknown): Details {
  const found = patchChanges(type, value);
  if (!found) return { body: `not read: it is no patch of type ${type}` };
  return { ...(found.sets.length > 0 ? { sets: found.sets } : {}), ...(found.removes.length > 0 ? { removes: found.removes } : {}) };
}

/** Members that say something, as text. */
function texts(members: Fields): Details {
  const found: Details = {};
  for (const [name, value] of Object.entries(members)) {
    const [first] = Array.isArray(value) ? (value as unknown[]) : [value];
    if (['string', 'number', 'boolean'].includes(typeof first) && first !== '') found[name] = wellFormed(String(first));
  }
  return found;
}
