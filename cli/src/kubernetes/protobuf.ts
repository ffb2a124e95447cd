/** Reads a message by the schema into the JSON that Kubernetes' API gives of it. Pure. */
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { DecodeError, ValueCount } from './decode-error.js';
import { MAX_DEPTH } from './limits.js';
import type { Field, Scalar, Schema, Shaped } from './schema.js';
import { rawJson, SHAPES } from './shapes.js';

const EMPTY = new Uint8Array();
/** What a field's occurrences hold, in their order. */
type Found = ReadonlyMap<number, readonly { wire: WireType; bytes: Uint8Array }[]>;

export class MessageReader {
  /** Fields that the schema does not know. */
  unknownFields = 0;
  readonly #count = new ValueCount();

  /** `nested` reads bytes that may be a whole object again; undefined where they are none. */
  constructor(
    private readonly schema: Schema,
    private readonly nested: (bytes: Buffer, reader: MessageReader, depth: number) => unknown,
  ) {}

  /** Throws DecodeError, and what BinaryReader throws. */
  message(bytes: Uint8Array, index: number, depth: number): Record<string, unknown> {
    return this.fields(bytes, this.schema.messages[index]!.fields, depth);
  }

  /** The same by fields that are no message of the schema. */
  fields(bytes: Uint8Array, fields: readonly Field[], depth: number): Record<string, unknown> {
    if (depth > MAX_DEPTH) throw new DecodeError(`nests more than ${MAX_DEPTH} levels deep`);
    const found = this.#found(bytes, fields);
    const members: [string, unknown][] = [];
    for (const field of fields) {
      this.#count.add();
      const value = this.#field(field, found, depth);
      if (value === undefined) continue;
      if (field.inline) members.push(...Object.entries(value as object));
      else members.push([field.name, value]);
    }
    return Object.fromEntries(members);
  }

  #found(bytes: Uint8Array, fields: readonly Field[]): Found {
    const found = new Map<number, { wire: WireType; bytes: Uint8Array }[]>();
    const numbers = new Set(fields.map(({ number }) => number));
    for (const reader = new BinaryReader(bytes); reader.pos < reader.len;) {
      const [number, wire] = reader.tag();
      if (wire === WireType.StartGroup || wire === WireType.EndGroup) throw new DecodeError('has a group, which Kubernetes has none of');
      const value = wire === WireType.LengthDelimited ? reader.bytes() : reader.skip(wire, number);
      this.#count.add();
      if (!numbers.has(number)) this.unknownFields++;
      else if (found.has(number)) found.get(number)!.push({ wire, bytes: value });
      else found.set(number, [{ wire, bytes: value }]);
    }
    return found;
  }

  /** Undefined where JSON leaves it out (https://pkg.go.dev/encoding/json#Marshal). */
  #field(field: Field, found: Found, depth: number): unknown {
    const values = found.get(field.number) ?? [];
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
  #elements(field: Field, value: { wire: WireType; bytes: Uint8Array }, depth: number): unknown[] {
    const wanted = wireOf(field.kind);
    if (value.wire !== WireType.LengthDelimited || wanted === WireType.LengthDelimited) return [this.#value(field, [value], depth)];
    const elements: unknown[] = [];
    for (const reader = new BinaryReader(value.bytes); reader.pos < reader.len;) {
      this.#count.add();
      elements.push(this.#value(field, [{ wire: wanted, bytes: reader.skip(wanted) }], depth));
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
  #value(field: Field, values: readonly { wire: WireType; bytes: Uint8Array }[], depth: number): unknown {
    const wanted = wireOf(field.kind);
    for (const { wire } of values) if (wire !== wanted) throw new DecodeError(`has field ${field.name} as wire type ${wire}`);
    const last = values.at(-1)?.bytes ?? EMPTY;
    const { kind } = field;
    if (typeof kind === 'number') return this.message(merged(values), kind, depth + 1);
    if (isScalar(kind)) return scalar(kind, last);
    if (kind === 'rawObject') return this.#object(merged(values), depth);
    const { fields, json } = SHAPES[kind];
    return json(this.fields(kind === 'time' || kind === 'microTime' ? last : merged(values), fields(this.schema), depth + 1));
  }

  /** runtime.RawExtension: an object in protobuf again, or JSON. */
  #object(bytes: Uint8Array, depth: number): unknown {
    const { raw } = this.fields(bytes, RAW_EXTENSION, depth + 1) as { raw?: Buffer };
    return (raw && this.nested(raw, this, depth + 1)) ?? rawJson(raw);
  }
}

const RAW_EXTENSION: readonly Field[] = [{ number: 1, name: 'raw', kind: 'buffer', form: 'pointer', omit: 'empty', inline: false }];

const SCALARS: Readonly<Record<Scalar, WireType>> = {
  string: WireType.LengthDelimited,
  bytes: WireType.LengthDelimited,
  buffer: WireType.LengthDelimited,
  bool: WireType.Varint,
  int32: WireType.Varint,
  int64: WireType.Varint,
  double: WireType.Bit64,
};

const isScalar = (kind: Scalar | Shaped): kind is Scalar => kind in SCALARS;
const wireOf = (kind: Field['kind']): WireType => (typeof kind === 'string' && isScalar(kind) ? SCALARS[kind] : WireType.LengthDelimited);

function delimited({ name }: Field, wire: WireType, bytes: Uint8Array): Uint8Array {
  if (wire !== WireType.LengthDelimited) throw new DecodeError(`has field ${name} as wire type ${wire}`);
  return bytes;
}

function merged(values: readonly { bytes: Uint8Array }[]): Uint8Array {
  return values.length === 1 ? values[0]!.bytes : Buffer.concat(values.map(({ bytes }) => bytes));
}

/** Bytes are base64, as in JSON; numbers that JSON's readers would round are their digits. */
function scalar(kind: Scalar, bytes: Uint8Array): string | number | boolean | Buffer {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  switch (kind) {
    case 'string':
      return buffer.toString();
    case 'bytes':
      return buffer.toString('base64');
    case 'buffer':
      return buffer;
    case 'bool':
      return bytes.length > 0 && new BinaryReader(bytes).bool();
    case 'double':
      return bytes.length > 0 ? buffer.readDoubleLE() : 0;
    case 'int32':
      return bytes.length > 0 ? Number(BigInt.asIntN(32, BigInt(new BinaryReader(bytes).int64()))) : 0;
    case 'int64': {
      const value = bytes.length > 0 ? BigInt(new BinaryReader(bytes).int64()) : 0n;
      return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
    }
  }
}

/** What omitempty leaves out: structs never, so what has a shape neither. */
function isEmpty(kind: Field['kind'], value: unknown): boolean {
  if (kind === 'strings') return (value as unknown[]).length === 0;
  return typeof kind === 'string' && isScalar(kind) && (value === '' || value === 0 || value === false);
}
