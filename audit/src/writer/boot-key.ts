/** The boot's Ed25519 key. Its private half never leaves the process's memory. */
import { generateKeyPairSync } from 'node:crypto';
import type { NoteSigner } from '../checkpoint/checkpoint.js';

export function newBootKey(): NoteSigner {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  return { key: privateKey, publicKey: Buffer.from(publicKey.export({ format: 'jwk' }).x!, 'base64url') };
}
