/** How Kubernetes' own kinds read from protobuf: `cli/schema/kubernetes.json.gz`, which `make generate-kubernetes` makes. */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';

/** `buffer` is of the reader's own messages alone: bytes that are read on. */
export type Scalar = 'string' | 'bool' | 'int32' | 'int64' | 'double' | 'bytes' | 'buffer';
/** Types whose JSON is not their fields. */
export type Shaped =
  | 'time'
  | 'microTime'
  | 'duration'
  | 'quantity'
  | 'intOrString'
  | 'rawJson'
  | 'rawObject'
  | 'strings'
  | 'schemaOrBool'
  | 'schemaOrArray'
  | 'schemaOrStrings';

export interface Field {
  number: number;
  /** In JSON. */
  name: string;
  /** A number is the index of a message. */
  kind: Scalar | Shaped | number;
  form: 'one' | 'pointer' | 'list' | 'map';
  /** Whether JSON leaves it out: as encoding/json's omitempty and omitzero do. */
  omit: 'never' | 'empty' | 'zero';
  /** Its own fields stand in its message's JSON. */
  inline: boolean;
}

/** A field of a message that the reader itself knows: undefined where it is left out. */
export const ownField = (number: number, name: string, kind: Scalar | number, form: Field['form'] = 'pointer'): Field => ({
  number,
  name,
  kind,
  form,
  omit: 'empty',
  inline: false,
});

export interface Message {
  name: string;
  fields: readonly Field[];
}

export interface Schema {
  /** Of k8s.io/api. */
  version: string;
  /** Indices of messages by apiVersion and kind. */
  kinds: Readonly<Record<string, Readonly<Record<string, number>>>>;
  messages: readonly Message[];
  /** Index of the message of apiextensions' JSONSchemaProps. */
  jsonSchema: number;
}

interface SchemaFile extends Omit<Schema, 'messages' | 'jsonSchema'> {
  messages: { name: string; fields: [number: number, name: string, kind: Field['kind'], form: string][] }[];
}

const FILE = new URL('../../schema/kubernetes.json.gz', import.meta.url);
const JSON_SCHEMA = 'k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1.JSONSchemaProps';

let loaded: Schema | undefined;

/** Read once, when it is first wanted. */
export function kubernetesSchema(): Schema {
  return (loaded ??= parse(JSON.parse(gunzipSync(readFileSync(FILE)).toString()) as SchemaFile));
}

function parse({ version, kinds, messages }: SchemaFile): Schema {
  return {
    version,
    kinds,
    messages: messages.map(({ name, fields }) => ({ name, fields: fields.map(field) })),
    jsonSchema: messages.findIndex(({ name }) => name === JSON_SCHEMA),
  };
}

function field([number, name, kind, form]: SchemaFile['messages'][number]['fields'][number]): Field {
  return {
    number,
    name,
    kind,
    form: form.startsWith('*') ? 'pointer' : form.startsWith('[]') ? 'list' : form.startsWith('{}') ? 'map' : 'one',
    omit: form.includes('z') ? 'zero' : form.includes('o') ? 'empty' : 'never',
    inline: form.includes('i'),
  };
}
