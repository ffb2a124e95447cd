/**
 * Objects and watches of Kubernetes in protobuf: `k8s\0`, then a runtime.Unknown around the object's own message; a watch is one
 * metav1.WatchEvent after another, each behind its length in four bytes
 * (https://kubernetes.io/docs/reference/using-api/api-concepts/#protobuf-encoding). Pure.
 */
import { DecodeError } from './decode-error.js';
import { MessageReader } from './protobuf.js';
import { kubernetesSchema, ownField as field } from './schema.js';

const MAGIC = Buffer.from('k8s\0');
const LENGTH_BYTES = 4;
const EMPTY = Buffer.alloc(0);

export interface Decoded {
  /** The object, or a watch's events, in their order. */
  values: unknown[];
  /** What is not in them, as sentences. */
  notes: string[];
}

/** Of a `truncated` object what there is. Throws DecodeError, and what a broken message makes its reader throw. */
export function decodeProtobuf(bytes: Buffer, truncated: boolean): Decoded {
  const reader = new MessageReader(kubernetesSchema(), truncated, nested);
  const notes: string[] = [];
  // As a length the magic bytes are far beyond every limit, so no watch begins with them.
  const values = isObject(bytes) ? [object(bytes, reader, 0, truncated)] : events(bytes, reader, notes);
  const { unknownFields } = reader;
  if (unknownFields > 0) notes.push(`${unknownFields} fields are not of Kubernetes ${kubernetesSchema().version} and not shown`);
  return { values, notes };
}

const isObject = (bytes: Buffer): boolean => bytes.subarray(0, MAGIC.length).equals(MAGIC);

function events(bytes: Buffer, reader: MessageReader, notes: string[]): unknown[] {
  const event = messageOf('v1', 'WatchEvent')!;
  const values: unknown[] = [];
  let at = 0;
  while (at + LENGTH_BYTES <= bytes.length) {
    const begin = at + LENGTH_BYTES;
    const end = begin + bytes.readUInt32BE(at);
    if (end > bytes.length) break;
    values.push(reader.message(bytes.subarray(begin, end), event, 0));
    at = end;
  }
  if (at === 0 && bytes.length > 0) throw new DecodeError('begins neither as objects of Kubernetes do nor with an event of a watch');
  if (at < bytes.length) notes.push(`the last ${bytes.length - at} bytes begin an event that does not end`);
  return values;
}

function nested(bytes: Buffer, reader: MessageReader, depth: number): unknown {
  return isObject(bytes) ? object(bytes, reader, depth) : undefined;
}

function object(bytes: Buffer, reader: MessageReader, depth: number, cut = false): Record<string, unknown> {
  const unknown = reader.fields(bytes.subarray(MAGIC.length), UNKNOWN, depth) as Unknown;
  const { apiVersion = '', kind = '' } = reader.fields(unknown.typeMeta ?? EMPTY, TYPE_META, depth) as TypeMeta;
  if (unknown.contentEncoding) throw new DecodeError(`is coded as "${unknown.contentEncoding}"`);
  const index = messageOf(apiVersion, kind);
  if (index === undefined)
    throw new DecodeError(`is of kind "${kind}" in "${apiVersion}", which Kubernetes ${kubernetesSchema().version} does not define`);
  const message = reader.message(unknown.raw ?? EMPTY, index, depth, cut);
  // A list without items has an empty array in JSON, and nothing in protobuf.
  if (message['items'] === null) message['items'] = [];
  return { kind, apiVersion, ...message };
}

function messageOf(apiVersion: string, kind: string): number | undefined {
  const { kinds } = kubernetesSchema();
  const inVersion = Object.hasOwn(kinds, apiVersion) ? kinds[apiVersion]! : {};
  return Object.hasOwn(inVersion, kind) ? inVersion[kind] : undefined;
}

interface Unknown {
  typeMeta?: Buffer;
  raw?: Buffer;
  contentEncoding?: string;
}
interface TypeMeta {
  apiVersion?: string;
  kind?: string;
}

const UNKNOWN = [
  field(1, 'typeMeta', 'buffer'),
  field(2, 'raw', 'buffer'),
  field(3, 'contentEncoding', 'string'),
  field(4, 'contentType', 'string'),
];
const TYPE_META = [field(1, 'apiVersion', 'string'), field(2, 'kind', 'string')];
