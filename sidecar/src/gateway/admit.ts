/** Whether a request opens a hop, and for whom. Pure. */
import type { IncomingHttpHeaders } from 'node:http';
import { readPodUri, type PodBinding } from '@cairn/identity';
import { parseAddress } from '../config/env.js';
import { DESTINATION_HEADER, HOP_PATH, HOP_PROTOCOL, REROUTE_HEADER } from '../hop/dial.js';
import type { Address } from '../pump/dial.js';

export interface HopAsked {
  binding: PodBinding;
  destination: Address;
  reroutes: boolean;
}

export interface HopRefusal {
  status: 400 | 403 | 426 | 503;
  /** A sentence that says what to do. */
  detail: string;
}

export interface HopQuestion {
  url: string | undefined;
  headers: IncomingHttpHeaders;
  /** Alternative names of the certificate that TLS verified, as Node writes them. */
  names: string | undefined;
}

export function admitHop({ url, headers, names }: HopQuestion): HopAsked | HopRefusal {
  if (url !== HOP_PATH || headers.upgrade !== HOP_PROTOCOL) {
    return { status: 426, detail: `send GET ${HOP_PATH} with Upgrade: ${HOP_PROTOCOL}; this gateway takes connections of sidecars alone` };
  }
  const binding = bindingOf(names);
  if (!binding) return { status: 403, detail: 'the certificate names no pod: it must be one that the operator issued to a sidecar' };
  const stated = headers[DESTINATION_HEADER];
  const destination = typeof stated === 'string' ? parseAddress(stated) : undefined;
  if (!destination || destination.port === 0) return { status: 400, detail: `${DESTINATION_HEADER} must be HOST:PORT` };
  return { binding, destination, reroutes: headers[REROUTE_HEADER] === '1' };
}

/** One name, and that of a pod: a certificate with more is none of ours. */
function bindingOf(names: string | undefined): PodBinding | undefined {
  const uri = /^URI:([^",]+)$/.exec(names ?? '')?.[1];
  return uri === undefined ? undefined : readPodUri(uri);
}
