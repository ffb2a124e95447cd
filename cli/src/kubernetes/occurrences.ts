/** What the bytes of a message hold, field by field, before anything is made of it. Pure. */
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { DecodeError, type ValueCount } from './decode-error.js';
import type { Field } from './schema.js';

export interface Occurrence {
  wire: WireType;
  bytes: Uint8Array;
  /** Whether the record ends within it. */
  cut: boolean;
}

export interface Occurrences {
  /** By field, each field's in their order. */
  values: Map<number, Occurrence[]>;
  /** Whether the record ends within the message: what it does not hold is not known then, rather than left out. */
  cut: boolean;
  /** Fields of other numbers. */
  unknownFields: number;
}

interface Reading {
  /** Whether the bytes may end anywhere. */
  truncated: boolean;
  /** Whether the message goes on where the bytes end. */
  cut: boolean;
  count: ValueCount;
}

/** Throws DecodeError, and what BinaryReader throws of what is not truncated. */
export function occurrences(bytes: Uint8Array, fields: readonly Field[], { truncated, cut, count }: Reading): Occurrences {
  const found: Occurrences = { values: new Map(), cut, unknownFields: 0 };
  const known = new Map(fields.map((field) => [field.number, field]));
  const reader = new BinaryReader(bytes);
  try {
    while (reader.pos < reader.len) {
      const [number, wire] = reader.tag();
      const field = known.get(number);
      const value = occurrence(reader, wire, truncated && mayEnd(field) ? bytes : undefined);
      count.add();
      found.cut ||= value.cut;
      if (!field) found.unknownFields++;
      else if (!found.values.has(number)) found.values.set(number, [value]);
      else found.values.get(number)!.push(value);
    }
  } catch (error) {
    if (!truncated || error instanceof DecodeError) throw error;
    found.cut = true;
  }
  return found;
}

/** Half a message says what it holds so far; half a value of another kind would say something else. */
const mayEnd = (field: Field | undefined): boolean => (typeof field?.kind === 'number' || field?.kind === 'buffer') && field.form !== 'map';

/** `within`: all bytes, where the value may go on behind them. */
function occurrence(reader: BinaryReader, wire: WireType, within: Uint8Array | undefined): Occurrence {
  if (wire === WireType.StartGroup || wire === WireType.EndGroup) throw new DecodeError('has a group, which Kubernetes has none of');
  if (wire !== WireType.LengthDelimited) return { wire, bytes: reader.skip(wire), cut: false };
  const begin = reader.pos;
  const goesOn = within && reader.uint32() > reader.len - reader.pos;
  if (goesOn) {
    const rest = within.subarray(reader.pos);
    reader.pos = reader.len;
    return { wire, bytes: rest, cut: true };
  }
  reader.pos = begin;
  return { wire, bytes: reader.bytes(), cut: false };
}
