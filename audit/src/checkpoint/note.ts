/** Signed notes with one Ed25519 signature (c2sp.org/signed-note). */
import { createPublicKey, sign, verify, type KeyObject } from 'node:crypto';
import { hash } from 'node:crypto';

/** Signature type of Ed25519 in a key's hash. */
const ED25519 = 0x01;
const SIGNATURE_LINE = /^\u2014 (\S+) (\S+)$/;

/** First four bytes of SHA-256 over name, newline, signature type and public key. */
function keyHash(name: string, publicKey: Buffer): Buffer {
  const digest = hash('sha256', Buffer.concat([Buffer.from(`${name}\n`), Buffer.from([ED25519]), publicKey]), 'buffer');
  return digest.subarray(0, 4);
}

/** `text` ends in a newline. */
export function signNote(text: string, name: string, key: KeyObject, publicKey: Buffer): string {
  const signature = Buffer.concat([keyHash(name, publicKey), sign(null, Buffer.from(text), key)]);
  return `${text}\n\u2014 ${name} ${signature.toString('base64')}\n`;
}

/** The note's text if it holds exactly one signature, by `name` and the given key; undefined where it does not. */
export function openNote(note: string, name: string, publicKey: Buffer): string | undefined {
  const split = note.lastIndexOf('\n\n');
  if (split < 0 || !note.endsWith('\n')) return undefined;
  const text = note.slice(0, split + 1);
  const match = SIGNATURE_LINE.exec(note.slice(split + 2, -1));
  if (!match || match[1] !== name) return undefined;
  const bytes = Buffer.from(match[2]!, 'base64');
  // Base64 has many spellings of the same bytes; only the one that we would write counts.
  if (bytes.toString('base64') !== match[2] || bytes.length !== 68) return undefined;
  if (!bytes.subarray(0, 4).equals(keyHash(name, publicKey))) return undefined;
  return verify(null, Buffer.from(text), ed25519PublicKey(publicKey), bytes.subarray(4)) ? text : undefined;
}

/** Key object of 32 raw bytes (RFC 8037). */
function ed25519PublicKey(raw: Buffer): KeyObject {
  return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: raw.toString('base64url') }, format: 'jwk' });
}
