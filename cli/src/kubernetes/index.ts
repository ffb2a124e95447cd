/** Bodies of the Kubernetes API that are neither JSON nor text, as the JSON that the API would have given. */
import { createHash } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import { DecodeError } from './decode-error.js';
import { MAX_BODY_BYTES } from './limits.js';
import type { Decoded } from './object.js';

const PROTOBUF = 'application/vnd.kubernetes.protobuf';
const CBOR = /^application\/(?:cbor|cbor-seq|apply-patch\+cbor)$/;

/** A body's bytes and its media type, with `content-encoding` as a parameter where it has one. */
export interface BinaryBody {
  bytes: Buffer;
  type: string;
  /** Whether the bytes are the beginning of a longer body. */
  truncated?: boolean;
}

/** Whether {@link decodeKubernetes} is for it. `protocol` is the event's: what other targets mean by their CBOR is theirs. */
export function isKubernetesBinary(type: string, protocol: string | undefined): boolean {
  const media = mediaOf(type);
  return media === PROTOBUF || (protocol === 'kubernetes' && CBOR.test(media));
}

/** Never throws but DecodeError, whose sentence says what the body is, its size and its SHA-256. */
export async function decodeKubernetes({ bytes, type, truncated = false }: BinaryBody): Promise<Decoded> {
  try {
    const plain = uncoded(bytes, type);
    if (plain.length > MAX_BODY_BYTES) throw new DecodeError(`has more than ${MAX_BODY_BYTES} bytes`);
    const media = mediaOf(type);
    if (media !== PROTOBUF) return (await import('./cbor.js')).decodeCbor(plain, media === 'application/cbor-seq');
    return (await import('./object.js')).decodeProtobuf(plain, truncated);
  } catch (error) {
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const why = error instanceof DecodeError ? `it ${error.message}` : `it is broken: ${(error as Error).message}`;
    throw new DecodeError(`${bytes.length} bytes of ${type}, SHA-256 ${sha256}, are not shown: ${why}`, { cause: error });
  }
}

const mediaOf = (type: string): string => type.split(';', 1)[0]!.trim().toLowerCase();

function uncoded(bytes: Buffer, type: string): Buffer {
  const coding = /;\s*content-encoding=([^;]*)/i.exec(type)?.[1]?.trim().toLowerCase() ?? 'identity';
  if (coding === 'identity') return bytes;
  if (coding !== 'gzip') throw new DecodeError(`is coded as "${coding}"`);
  return gunzipSync(bytes, { maxOutputLength: MAX_BODY_BYTES });
}
export { DecodeError } from './decode-error.js';
