/** Reads a message by the schema into the JSON that Kubernetes' API gives of it. Pure. */
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { DecodeError, ValueCount } from './decode-error.js';
import { MAX_DEPTH } from './limits.js';
import { occurrences, type Occurrence } from './occurrences.js';
import { isEmpty, isScalar, scalar, wireOf } from './scalars.js';
import type { Field, Schema } from './schema.js';
import { RAW, rawJson, SHAPES } from './shapes.js';

const EMPTY = new Uint8Array();

export class MessageReader {
  /** Fields that the schema does not know. */
  unknownFields = 0;
  readonly #count = new ValueCount();

  /** `truncated`: the bytes may end anywhere. `nested` reads bytes that may be a whole object again; undefined where they are none. */
  constructor(
    private readonly schema: Schema,
    private readonly truncated: boolean,
    private readonly nested: (bytes: Buffer, reader: MessageReader, depth: number) => unknown,
  ) {}

  /** `cut`: the message goes on where the bytes end. Throws DecodeError, and what BinaryReader throws. */
  message(bytes: Uint8Array, index: number, depth: number, cut = false): Record<string, unknown> {
    return this.fields(bytes, this.schema.messages[index]!.fields, depth, cut);
  }

  /** The same by fields that are no message of the schema. */
  fields(bytes: Uint8Array, fields: readonly Field[], depth: number, cut = false): Record<string, unknown> {
    if (depth > MAX_DEPTH) throw new DecodeError(`nests more than ${MAX_DEPTH} levels deep`);
    const found = occurrences(bytes, fields, { truncated: this.truncated, cut, count: this.#count });
    this.unknownFields += found.unknownFields;
    const members: [string, unknown][] = [];
    for (const field of fields) {
      const values = found.values.get(field.number) ?? [];
      if (found.cut && values.length === 0) continue;
      this.#count.add();
      const value = this.#field(field, values, depth);
      if (value === undefined) continue;
      if (field.inline) members.push(...Object.entries(value as object));
      else members.push([field.name, value]);
    }
    return Object.fromEntries(members);
  }

  /** Undefined where JSON leaves it out (https://pkg.go.dev/encoding/json#Marshal). */
  #field(field: Field, values: readonly Occurrence[], depth: number): unknown {
    const { kind, form, omit } = field;
    if (values.length === 0 && form !== 'one') return omit === 'never' ? null : undefined;
    switch (form) {
      case 'list':
        return values.flatMap((value) => this.#elements(field, value, depth));
      case 'map':
        return Object.fromEntries(values.map(({ wire, bytes }) => this.#entry(field, delimited(field, wire, bytes), depth)));
      case 'pointer':
        return this.#value(field, values, depth);
      case 'one': {
        if (kind === 'bytes' && values.length === 0) return omit === 'never' ? null : undefined;
        const value = this.#value(field, values, depth);
        return (omit === 'zero' && value === null) || (omit === 'empty' && isEmpty(kind, value)) ? undefined : value;
      }
    }
  }

  /** Numbers may stand packed in one value (https://protobuf.dev/programming-guides/encoding/#packed). */
  #elements(field: Field, value: Occurrence, depth: number): unknown[] {
    const wanted = wireOf(field.kind);
    if (value.wire !== WireType.LengthDelimited || wanted === WireType.LengthDelimited) return [this.#value(field, [value], depth)];
    const elements: unknown[] = [];
    for (const reader = new BinaryReader(value.bytes); reader.pos < reader.len;) {
      this.#count.add();
      elements.push(this.#value(field, [{ wire: wanted, bytes: reader.skip(wanted), cut: false }], depth));
    }
    return elements;
  }

  #entry(field: Field, bytes: Uint8Array, depth: number): [string, unknown] {
    const key: Field = { ...field, number: 1, name: 'key', kind: 'string', form: 'one', omit: 'never' };
    const value: Field = { ...field, number: 2, name: 'value', form: 'one', omit: 'never' };
    const entry = this.fields(bytes, [key, value], depth + 1);
    // A value that is left out is an empty one, not none.
    return [entry['key'] as string, field.kind === 'bytes' ? (entry['value'] ?? '') : entry['value']];
  }

  /** Of several occurrences messages are merged, else the last one holds (https://protobuf.dev/programming-guides/encoding/#last-one-wins). */
  #value(field: Field, values: readonly Occurrence[], depth: number): unknown {
    const wanted = wireOf(field.kind);
    for (const { wire } of values) if (wire !== wanted) throw new DecodeError(`has field ${field.name} as wire type ${wire}`);
    const last = values.at(-1)?.bytes ?? EMPTY;
    const { kind } = field;
    if (typeof kind === 'number') return this.message(merged(values), kind, depth + 1, values.at(-1)?.cut);
    if (isScalar(kind)) return scalar(kind, last);
    if (kind === 'rawObject') return this.#object(merged(values), depth);
    const { fields, json } = SHAPES[kind];
    return json(this.fields(kind === 'time' || kind === 'microTime' ? last : merged(values), fields(this.schema), depth + 1));
  }

  /** runtime.RawExtension: an object in protobuf again, or JSON. */
  #object(bytes: Uint8Array, depth: number): unknown {
    const { raw } = this.fields(bytes, RAW, depth + 1) as { raw?: Buffer };
    return (raw && this.nested(raw, this, depth + 1)) ?? rawJson(raw);
  }
}

function delimited({ name }: Field, wire: WireType, bytes: Uint8Array): Uint8Array {
  if (wire !== WireType.LengthDelimited) throw new DecodeError(`has field ${name} as wire type ${wire}`);
  return bytes;
}

function merged(values: readonly Occurrence[]): Uint8Array {
  return values.length === 1 ? values[0]!.bytes : Buffer.concat(values.map(({ bytes }) => bytes));
}
