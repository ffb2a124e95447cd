/**
 * Content keys: HPKE (RFC 9180) to the auditor's key, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM, used through its secret
 * export (5.3): the encapsulated key alone, 32 bytes, gives the auditor the stream's content key.
 */
import { Aes256Gcm, CipherSuite, DhkemX25519HkdfSha256, HkdfSha256 } from '@hpke/core';

const suite = new CipherSuite({ kem: new DhkemX25519HkdfSha256(), kdf: new HkdfSha256(), aead: new Aes256Gcm() });
const CONTENT_KEY_BYTES = 32;
const EXPORTER_CONTEXT = bytes('content key');

export interface ContentKey {
  key: Buffer;
  /** base64url of the encapsulated key. */
  enc: string;
}

/** `publicKey`: base64url of 32 raw bytes. */
export async function newContentKey(publicKey: string, stream: string): Promise<ContentKey> {
  const recipientPublicKey = await suite.kem.deserializePublicKey(rawKey(publicKey));
  const sender = await suite.createSenderContext({ recipientPublicKey, info: info(stream) });
  const key = await sender.export(EXPORTER_CONTEXT, CONTENT_KEY_BYTES);
  return { key: Buffer.from(key), enc: Buffer.from(sender.enc).toString('base64url') };
}

/** `privateKey`: base64url of 32 raw bytes. */
export async function openContentKey(privateKey: string, enc: string, stream: string): Promise<Buffer> {
  const recipientKey = await suite.kem.deserializePrivateKey(rawKey(privateKey));
  const recipient = await suite.createRecipientContext({ recipientKey, enc: rawKey(enc), info: info(stream) });
  return Buffer.from(await recipient.export(EXPORTER_CONTEXT, CONTENT_KEY_BYTES));
}

function info(stream: string): ArrayBuffer {
  return bytes(`cairn.dev/payload/v1 ${stream}`);
}

function bytes(text: string): ArrayBuffer {
  return new Uint8Array(new TextEncoder().encode(text)).buffer;
}

function rawKey(text: string): ArrayBuffer {
  return new Uint8Array(Buffer.from(text, 'base64url')).buffer;
}
