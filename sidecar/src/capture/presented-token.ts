/** What a caller presents as its identity. Pure; nothing here is verified. */
import type { IncomingHttpHeaders } from 'node:http';
import { TXN_TOKEN } from '@cairn/identity';

export interface PresentedToken {
  kind: 'launch' | 'oidc';
  token: string;
}

/** A chain token of another sidecar wins over a bearer token. */
export function presentedToken(headers: IncomingHttpHeaders): PresentedToken | undefined {
  const chain = headers[TXN_TOKEN];
  if (typeof chain === 'string' && chain !== '') return { kind: 'launch', token: chain };
  const bearer = /^Bearer +([A-Za-z0-9._~+/=-]+)$/i.exec(headers.authorization ?? '')?.[1];
  return bearer === undefined ? undefined : { kind: 'oidc', token: bearer };
}

/** Issuer that a JWT claims, to tell whose token it is before anybody verifies it; undefined: not a JWT. */
export function unverifiedIssuer(token: string): string | undefined {
  const payload = token.split('.')[1];
  if (payload === undefined) return undefined;
  try {
    const { iss } = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')) as { iss?: unknown };
    return typeof iss === 'string' ? iss : undefined;
  } catch {
    return undefined;
  }
}
