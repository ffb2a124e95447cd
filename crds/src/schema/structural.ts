/**
 * Structural schemas as apiextensions.k8s.io/v1 knows them: the part of OpenAPI v3 that the API server accepts, so that one
 * object serves the CRD, the offline check, the defaults and the reference.
 */
export interface CelRule {
  rule: string;
  message: string;
}

export interface Schema {
  type: 'object' | 'array' | 'string' | 'integer' | 'boolean';
  description?: string;
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: Schema;
  items?: Schema;
  enum?: string[];
  pattern?: string;
  format?: 'date-time' | 'int32' | 'int64';
  minLength?: number;
  maxLength?: number;
  minItems?: number;
  maxItems?: number;
  maxProperties?: number;
  minimum?: number;
  maximum?: number;
  default?: unknown;
  'x-kubernetes-validations'?: CelRule[];
  'x-kubernetes-list-type'?: 'atomic' | 'set' | 'map';
  'x-kubernetes-list-map-keys'?: string[];
  'x-kubernetes-preserve-unknown-fields'?: true;
}

/** The schema's properties hold exactly the fields of T: the compiler tells when types and schema part. */
export type FieldsOf<T> = Record<keyof T, Schema>;

/** Names and meanings of a closed set of values; complete for T, by the compiler. */
export function oneOf<T extends string>(description: string, values: Record<T, string>, initial?: T): Schema {
  const meanings = Object.entries<string>(values).map(([value, meaning]) => (meaning ? `${value}: ${meaning}` : value));
  return {
    type: 'string',
    description: `${description} ${meanings.join('; ')}.`,
    enum: Object.keys(values),
    ...(initial === undefined ? {} : { default: initial }),
  };
}

/** A list whose order and entries belong together. */
export function listOf(description: string, items: Schema, options: { min?: number; max: number; initial?: unknown[] }): Schema {
  return {
    type: 'array',
    description,
    items,
    ...(options.min === undefined ? {} : { minItems: options.min }),
    maxItems: options.max,
    'x-kubernetes-list-type': 'atomic',
    ...(options.initial === undefined ? {} : { default: options.initial }),
  };
}

export function object(description: string, properties: Record<string, Schema>, more: Partial<Schema> = {}): Schema {
  return { type: 'object', description, properties, ...more };
}

export function text(description: string, more: Partial<Schema> = {}): Schema {
  return { type: 'string', description, minLength: 1, maxLength: 256, ...more };
}

export function whole(description: string, minimum: number, maximum: number, initial?: number): Schema {
  return {
    type: 'integer',
    format: maximum > 2_147_483_647 ? 'int64' : 'int32',
    description,
    minimum,
    maximum,
    ...(initial === undefined ? {} : { default: initial }),
  };
}

export function flag(description: string, initial?: boolean): Schema {
  return { type: 'boolean', description, ...(initial === undefined ? {} : { default: initial }) };
}
