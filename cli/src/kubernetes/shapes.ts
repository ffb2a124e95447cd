/** Types of Kubernetes whose JSON is not their fields: their messages, and the JSON that their MarshalJSON functions give. Pure. */
import { DecodeError } from './decode-error.js';
import { MAX_DEPTH } from './limits.js';
import { ownField as field, type Field, type Schema, type Shaped } from './schema.js';

/** Fields as they were read: absent ones are undefined. */
type Values = Readonly<Record<string, unknown>>;

interface Shape {
  fields: (schema: Schema) => readonly Field[];
  json: (values: Values) => unknown;
}

const shape = (fields: readonly Field[], json: Shape['json']): Shape => ({ fields: () => fields, json });

const TIME = [field(1, 'seconds', 'int64'), field(2, 'nanos', 'int32')];
/** runtime.RawExtension and apiextensions' JSON. */
export const RAW = [field(1, 'raw', 'buffer')];
const orSchema = (number: number, ...others: Field[]): Shape['fields'] => {
  return ({ jsonSchema }) => [field(number, 'schema', jsonSchema), ...others];
};

export const SHAPES: Readonly<Record<Exclude<Shaped, 'rawObject'>, Shape>> = {
  time: shape(TIME, (values) => time(values, () => '')),
  microTime: shape(TIME, (values) => time(values, (nanos) => `.${String(Math.floor(nanos / 1000)).padStart(6, '0')}`)),
  duration: shape([field(1, 'duration', 'int64')], ({ duration }) => goDuration(BigInt((duration ?? 0) as number | string))),
  quantity: shape([field(1, 'string', 'string')], ({ string }) => string ?? '0'),
  intOrString: shape([field(1, 'type', 'int64'), field(2, 'intVal', 'int32'), field(3, 'strVal', 'string')], intOrString),
  rawJson: shape(RAW, ({ raw }) => rawJson(raw as Buffer | undefined)),
  strings: shape([field(1, 'items', 'string', 'list')], ({ items }) => items ?? []),
  schemaOrBool: { fields: orSchema(2, field(1, 'allows', 'bool')), json: ({ schema, allows }) => schema ?? allows ?? false },
  schemaOrArray: {
    fields: (from) => orSchema(1, field(2, 'schemas', from.jsonSchema, 'list'))(from),
    json: (of) => of['schemas'] ?? of['schema'] ?? null,
  },
  schemaOrStrings: {
    fields: orSchema(1, field(2, 'property', 'string', 'list')),
    json: ({ property, schema }) => property ?? schema ?? null,
  },
};

/** Go's zero time (0001-01-01), which JSON has as null; so has what is empty. */
const ZERO_SECONDS = -62_135_596_800;
/** Beyond these a Date has no words (ECMA-262 21.4.1.1), nor has RFC 3339 beyond the year 9999. */
const MAX_SECONDS = 253_402_300_799;

function time(values: Values, fraction: (nanos: number) => string): unknown {
  const { seconds = 0, nanos = 0 } = values as { seconds?: number | string; nanos?: number };
  if (Object.keys(values).length === 0 || (seconds === ZERO_SECONDS && nanos === 0)) return null;
  if (typeof seconds === 'string' || seconds < ZERO_SECONDS || seconds > MAX_SECONDS) return { seconds, nanos };
  return `${new Date(seconds * 1000).toISOString().slice(0, 'YYYY-MM-DDTHH:mm:ss'.length)}${fraction(nanos)}Z`;
}

function intOrString(values: Values): unknown {
  const { type = 0, intVal = 0, strVal = '' } = values;
  return type === 0 ? intVal : type === 1 ? strVal : { type, intVal, strVal };
}

const UNITS = [
  ['h', 3_600_000_000_000n],
  ['m', 60_000_000_000n],
] as const;

/** As time.Duration's String (https://pkg.go.dev/time#Duration.String). */
export function goDuration(nanos: bigint): string {
  const sign = nanos < 0n ? '-' : '';
  let rest = nanos < 0n ? -nanos : nanos;
  if (rest === 0n) return '0s';
  if (rest < 1_000n) return `${sign}${rest}ns`;
  if (rest < 1_000_000n) return `${sign}${decimal(rest, 1_000n)}µs`;
  if (rest < 1_000_000_000n) return `${sign}${decimal(rest, 1_000_000n)}ms`;
  let text = sign;
  for (const [unit, size] of UNITS) {
    if (rest >= size || text !== sign) text += `${rest / size}${unit}`;
    rest %= size;
  }
  return `${text}${decimal(rest, 1_000_000_000n)}s`;
}

function decimal(value: bigint, unit: bigint): string {
  const fraction = String(value % unit)
    .padStart(String(unit).length - 1, '0')
    .replace(/0+$/, '');
  return `${value / unit}${fraction === '' ? '' : `.${fraction}`}`;
}

/** JSON that lies in a message as bytes; what is none, as its text. Throws DecodeError where it nests too deeply. */
export function rawJson(bytes: Buffer | undefined): unknown {
  if (!bytes || bytes.length === 0) return null;
  const text = bytes.toString();
  try {
    return bounded(JSON.parse(text));
  } catch (error) {
    if (error instanceof DecodeError) throw error;
    return text;
  }
}

function bounded(json: unknown): unknown {
  let level = [json].filter(isContainer);
  for (let depth = 1; level.length > 0; depth++) {
    if (depth > MAX_DEPTH) throw new DecodeError(`nests JSON more than ${MAX_DEPTH} levels deep`);
    level = level.flatMap((each) => Object.values(each).filter(isContainer));
  }
  return json;
}

const isContainer = (json: unknown): json is object => typeof json === 'object' && json !== null;
