/** TLS contexts by what they are made of: reading a certificate and its key costs milliseconds, and connections come with the same ones again and again. */
import { hash } from 'node:crypto';
import { createSecureContext, type SecureContext } from 'node:tls';
import { MAX_SECURE_CONTEXTS } from './limits.js';

export interface ContextMaterial {
  /** PEM. */
  cert?: string | undefined;
  key?: string | undefined;
  /** PEM; undefined: the public authorities. */
  ca?: string | undefined;
  minVersion: 'TLSv1.2' | 'TLSv1.3';
}

/** The one that was used last is last. */
const contexts = new Map<string, SecureContext>();

/** Throws what createSecureContext throws. The least recently used are forgotten; who has one goes on with it. */
export function secureContextOf({ cert, key, ca, minVersion }: ContextMaterial): SecureContext {
  const name = hash('sha256', JSON.stringify([minVersion, cert, key, ca]), 'base64');
  const context = contexts.get(name) ?? createSecureContext({ minVersion, ...(cert ? { cert, key } : {}), ...(ca ? { ca } : {}) });
  contexts.delete(name);
  contexts.set(name, context);
  if (contexts.size > MAX_SECURE_CONTEXTS) contexts.delete(contexts.keys().next().value!);
  return context;
}
