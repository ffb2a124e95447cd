/** Payload records: AES-256-GCM under the stream's content key. Nonce: the record number; AAD: stream and record number. */
import { createCipheriv, createDecipheriv } from 'node:crypto';
import type { PayloadReference } from '../event.js';
import { openContentKey } from './hpke.js';

export const TAG_BYTES = 16;
const CIPHER = 'aes-256-gcm';

/** Ciphertext, then tag. A record number must never come twice under one key (NIST SP 800-38D 8). */
export function sealPayload(key: Buffer, stream: string, record: number, plaintext: Uint8Array): [ciphertext: Buffer, tag: Buffer] {
  const cipher = createCipheriv(CIPHER, key, nonce(record));
  cipher.setAAD(binding(stream, record));
  const ciphertext = cipher.update(plaintext);
  cipher.final();
  return [ciphertext, cipher.getAuthTag()];
}

export class SealError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'SealError';
  }
}

/** One payload record to its plaintext. `sealing` is that of the stream's stream.open event. Throws SealError. */
export async function unseal(
  privateKey: { kid: string; d: string },
  sealing: { kid: string; enc: string },
  stream: string,
  record: number,
  ciphertext: Uint8Array,
): Promise<Buffer> {
  if (privateKey.kid !== sealing.kid) {
    throw new SealError(`stream ${stream} is sealed to auditor key ${sealing.kid}, and this is key ${privateKey.kid}`);
  }
  try {
    const key = await openContentKey(privateKey.d, sealing.enc, stream);
    const decipher = createDecipheriv(CIPHER, key, nonce(record), { authTagLength: TAG_BYTES });
    decipher.setAAD(binding(stream, record));
    decipher.setAuthTag(ciphertext.subarray(-TAG_BYTES));
    return Buffer.concat([decipher.update(ciphertext.subarray(0, -TAG_BYTES)), decipher.final()]);
  } catch (cause) {
    throw new SealError(`payload record ${record} of stream ${stream} does not open: it was altered, or is another record`, { cause });
  }
}

/** The bytes that a reference means. `plaintext` gives an unsealed record; a reference may go on into the records that follow. */
export async function readPayload(reference: PayloadReference, plaintext: (record: number) => Promise<Buffer>): Promise<Buffer> {
  const parts: Buffer[] = [];
  let { record, offset, length } = reference;
  while (length > 0) {
    const part = (await plaintext(record)).subarray(offset, offset + length);
    if (part.length === 0) throw new SealError(`payload record ${record} ends before the ${length} bytes that the event refers to`);
    parts.push(part);
    length -= part.length;
    record += 1;
    offset = 0;
  }
  return Buffer.concat(parts);
}

function nonce(record: number): Buffer {
  const bytes = Buffer.alloc(12);
  bytes.writeUIntBE(record, 6, 6);
  return bytes;
}

function binding(stream: string, record: number): Buffer {
  return Buffer.from(`cairn.dev/payload/v1 ${stream} ${record}`);
}
