/** Shape of a document against its schema: fields, types, values, lengths; each complaint as a sentence. */
import { createRequire } from 'node:module';
import type { Ajv, AnySchema, ErrorObject, ValidateFunction } from 'ajv';
import { MAX_PROBLEMS } from '../limits.js';
import type { CustomResource } from '../schema/resources.js';
import { meaningOf } from '../schema/formats.js';
import type { Schema } from '../schema/structural.js';
import type { Finding, Path, ProblemCode } from './finding.js';
import { suggestion } from './suggest.js';

/** Fields of metav1.ObjectMeta that are no business of ours. */
const SERVER_METADATA = [
  ...['generateName', 'uid', 'resourceVersion', 'generation', 'creationTimestamp', 'deletionTimestamp', 'selfLink'],
  ...['deletionGracePeriodSeconds', 'ownerReferences', 'finalizers', 'managedFields'],
];

const texts = { type: 'object', additionalProperties: { type: 'string' } };

const metadata = {
  type: 'object',
  required: ['name'],
  additionalProperties: false,
  properties: {
    name: { type: 'string', minLength: 1, maxLength: 253, pattern: '^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$' },
    namespace: { type: 'string', minLength: 1, maxLength: 63, pattern: '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$' },
    labels: texts,
    annotations: texts,
    ...Object.fromEntries(SERVER_METADATA.map((name) => [name, true])),
  },
};

/** The schema with unknown fields refused, as `kubectl apply --validate=strict` does, and without what only the API server reads. */
export function strict(schema: Schema): object {
  const { properties, items, additionalProperties, format: _format, default: _default, ...rest } = schema;
  const kept = Object.fromEntries(Object.entries(rest).filter(([name]) => !name.startsWith('x-')));
  const open = schema['x-kubernetes-preserve-unknown-fields'] === true;
  const fields = Object.entries(properties ?? {}).map(([name, property]) => [name, strict(property)]);
  return {
    ...kept,
    ...(items ? { items: strict(items) } : {}),
    ...(additionalProperties ? { additionalProperties: strict(additionalProperties) } : {}),
    ...(properties ? { properties: Object.fromEntries(fields), additionalProperties: open } : {}),
  };
}

const shapes = new Map<CustomResource, object>();

/** JSON Schema of a whole object of a resource. */
export function resourceShape(resource: CustomResource): object {
  const known = shapes.get(resource);
  if (known) return known;
  const properties = { apiVersion: {}, kind: { const: resource.kind }, metadata, spec: strict(resource.spec), status: {} };
  const shape = { type: 'object', required: ['metadata', 'spec'], additionalProperties: false, properties };
  shapes.set(resource, shape);
  return shape;
}

const validators = new WeakMap<object, ValidateFunction>();

function validatorOf(shape: object): ValidateFunction {
  const known = validators.get(shape);
  if (known) return known;
  // Loaded at first use: a sidecar compiles policies but never checks them, and would pay for it in memory.
  const { Ajv: Validator } = createRequire(import.meta.url)('ajv') as { Ajv: typeof Ajv };
  const validator = new Validator({ allErrors: true, verbose: true }).compile(shape as AnySchema);
  validators.set(shape, validator);
  return validator;
}

/** RFC 6901, with numbers where the document has lists. */
function pathOf(pointer: string, document: unknown): (string | number)[] {
  let value: unknown = document;
  const parts = pointer.split('/').slice(1);
  return parts.map((raw) => {
    const key = raw.replaceAll('~1', '/').replaceAll('~0', '~');
    const part = Array.isArray(value) ? Number(key) : key;
    value = (value as Record<string | number, unknown> | undefined)?.[part];
    return part;
  });
}

function kindOf(value: unknown): string {
  if (value === null) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  const names: Record<string, string> = { object: 'a map', string: 'a text', boolean: 'true or false' };
  return names[typeof value] ?? (Number.isInteger(value) ? 'a whole number' : 'a number');
}

const EXPECTED: Record<string, string> = {
  object: 'a map of fields',
  array: 'a list; write [one, two] or a line with - for each',
  string: 'a text; put quotes around it',
  integer: 'a whole number',
  boolean: 'true or false',
};

/** Stands for a value that may be a secret put in the wrong place. */
const HIDDEN = Symbol('hidden');

/** A value as a sentence may show it. */
function shown(value: unknown): string {
  if (value === HIDDEN) return 'this value';
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.length > 40 ? `${text.slice(0, 40)}...` : text;
}

interface Complaint {
  code: ProblemCode;
  message: string;
}

function complaint(error: ErrorObject, field: string): Complaint {
  const { keyword, params, data } = error;
  const { limit } = params as { limit?: number };
  switch (keyword) {
    case 'type':
      return {
        code: 'wrong-type',
        message: `${field} is ${data === HIDDEN ? 'something else' : kindOf(data)}, but must be ${EXPECTED[String(params['type'])]}.`,
      };
    case 'enum': {
      const values = params['allowedValues'] as string[];
      return { code: 'bad-value', message: `${field} cannot be ${shown(data)}; write one of ${values.join(', ')}.${near(data, values)}` };
    }
    case 'pattern': {
      const means = meaningOf(String(params['pattern']));
      return {
        code: 'bad-value',
        message: `${field} cannot be ${shown(data)}; it must be ${means ?? `of the form ${params['pattern']}`}.`,
      };
    }
    case 'minimum':
      return { code: 'limit', message: `${field} is ${shown(data)}, but must be at least ${limit}.` };
    case 'maximum':
      return { code: 'limit', message: `${field} is ${shown(data)}, but must be at most ${limit}.` };
    case 'minLength':
      return { code: 'bad-value', message: `${field} is empty; give it a value or remove it.` };
    case 'maxLength':
      return { code: 'limit', message: `${field} is longer than ${limit} characters; shorten it.` };
    case 'minItems':
      return { code: 'bad-value', message: `${field} is an empty list, which would match nothing; give it entries or remove it.` };
    case 'maxItems':
    case 'maxProperties':
      return { code: 'limit', message: `${field} has more than ${limit} entries; split it.` };
    default:
      return { code: 'bad-value', message: `${field} ${error.message ?? 'is not valid'}.` };
  }
}

function near(given: unknown, values: readonly string[]): string {
  const text = typeof given === 'string' ? suggestion(given, values) : '';
  return text.startsWith(' Did') ? text : '';
}

function finding(error: ErrorObject, document: unknown): Finding {
  const path = pathOf(error.instancePath, document);
  const place = path.length === 0 ? 'the document' : nameOf(path);
  if (error.keyword === 'required') {
    const field = String(error.params['missingProperty']);
    return { code: 'missing-field', path, message: `${place} lacks ${field}; add it.`, atKey: true };
  }
  if (error.keyword === 'additionalProperties') {
    const field = String(error.params['additionalProperty']);
    const known = Object.keys((error.parentSchema?.['properties'] as object | undefined) ?? {}).filter(
      (name) => !SERVER_METADATA.includes(name),
    );
    const message = `${place} has no field ${shown(field)}.${suggestion(field, known)}`;
    return { code: 'unknown-field', path: [...path, field], message, atKey: true };
  }
  return { path, ...complaint(path.includes('credential') ? { ...error, data: HIDDEN } : error, place) };
}

function nameOf(path: Path): string {
  const last = path.at(-1);
  return typeof last === 'number' ? `entry ${last + 1} of ${String(path.at(-2) ?? 'the list')}` : String(last);
}

/** Complaints about a parsed document; none: it may be read as what the shape describes. */
export function checkShape(shape: object, document: unknown): Finding[] {
  const validate = validatorOf(shape);
  if (validate(document)) return [];
  // One more than are shown, so that the reader tells that there are more; suggestions for thousands would take seconds.
  return (validate.errors ?? []).slice(0, MAX_PROBLEMS + 1).map((error) => finding(error, document));
}
