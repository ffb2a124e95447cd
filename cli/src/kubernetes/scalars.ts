/** Scalar values of protobuf as JSON has them. Pure. */
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import type { Field, Scalar, Shaped } from './schema.js';

const SCALARS: Readonly<Record<Scalar, WireType>> = {
  string: WireType.LengthDelimited,
  bytes: WireType.LengthDelimited,
  buffer: WireType.LengthDelimited,
  bool: WireType.Varint,
  int32: WireType.Varint,
  int64: WireType.Varint,
  double: WireType.Bit64,
};

export const isScalar = (kind: Scalar | Shaped): kind is Scalar => kind in SCALARS;
export const wireOf = (kind: Field['kind']): WireType =>
  typeof kind === 'string' && isScalar(kind) ? SCALARS[kind] : WireType.LengthDelimited;

/** Bytes are base64, as in JSON; numbers that JSON's readers would round are their digits. */
export function scalar(kind: Scalar, bytes: Uint8Array): string | number | boolean | Buffer {
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
export function isEmpty(kind: Field['kind'], value: unknown): boolean {
  if (kind === 'strings') return (value as unknown[]).length === 0;
  return typeof kind === 'string' && isScalar(kind) && (value === '' || value === 0 || value === false);
}
