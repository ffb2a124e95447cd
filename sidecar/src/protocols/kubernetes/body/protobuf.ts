/**
 * What an object in Kubernetes' protobuf says of itself: `k8s\0`, then a runtime.Unknown (k8s.io/apimachinery/pkg/runtime/generated.proto)
 * around a message whose first field is its metadata. Pure.
 */
import { KUBERNETES_MAGIC, MAX_VARINT_BYTES, WIRE } from '../protobuf-wire.js';

export interface ProtobufObject {
  apiVersion: string;
  kind: string;
  name: string;
  generateName: string;
  namespace: string;
}

const MAGIC = Buffer.from(KUBERNETES_MAGIC, 'latin1');

export class ProtobufError extends Error {
  override readonly name = 'ProtobufError';
}

const broken = (what: string): ProtobufError => new ProtobufError(`its protobuf ${what}`);

/** A varint at `at`: value and the index behind it. Values beyond 2^53 are none that lengths and tags have. */
function varint(bytes: Buffer, at: number): [value: number, next: number] {
  let value = 0;
  for (let shift = 0; shift < MAX_VARINT_BYTES; shift++) {
    const byte = bytes[at + shift];
    if (byte === undefined) throw broken('ends inside a number');
    value += (byte & 0x7f) * 2 ** (7 * shift);
    if (byte < 0x80) return [value, at + shift + 1];
  }
  throw broken('has a number of more than ten bytes');
}

/** The length-delimited fields of a message, each with its number; others are passed over. Throws ProtobufError. */
function* fields(message: Buffer): Generator<[field: number, value: Buffer]> {
  for (let at = 0; at < message.length;) {
    const [tag, begin] = varint(message, at);
    const field = Math.floor(tag / 8);
    let [length, value] = [0, begin];
    switch (tag % 8) {
      case WIRE.varint:
        value = varint(message, begin)[1];
        break;
      case WIRE.fixed64:
        length = 8;
        break;
      case WIRE.fixed32:
        length = 4;
        break;
      case WIRE.bytes:
        [length, value] = varint(message, begin);
        break;
      default:
        throw broken('has a field of an unknown kind');
    }
    at = value + length;
    if (field === 0 || at > message.length) throw broken('is cut off');
    if (tag % 8 === WIRE.bytes) yield [field, message.subarray(value, at)];
  }
}

/** A message's fields by number; of one that comes again, the last. */
function byNumber(message: Buffer | undefined): Map<number, Buffer> {
  return new Map(message ? fields(message) : []);
}

/** Throws ProtobufError where it is no object of Kubernetes. */
export function readProtobuf(body: Buffer): ProtobufObject {
  if (!body.subarray(0, MAGIC.length).equals(MAGIC)) throw broken('does not begin as objects of Kubernetes do');
  const unknown = byNumber(body.subarray(MAGIC.length));
  const type = byNumber(unknown.get(1));
  const metadata = byNumber(byNumber(unknown.get(2)).get(1));
  const text = (from: Map<number, Buffer>, field: number): string => from.get(field)?.toString() ?? '';
  return {
    apiVersion: text(type, 1),
    kind: text(type, 2),
    name: text(metadata, 1),
    generateName: text(metadata, 2),
    namespace: text(metadata, 3),
  };
}
