/** The sidecar's end of opening a hop: mTLS to the gateway, then an upgrade (RFC 9110 7.8) that says where to. */
import { request } from 'node:https';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import type { Address } from '../pump/dial.js';
import { secureContextOf } from '../pump/secure-contexts.js';
import type { HopIdentity } from './certificate.js';
import { HOP_ATTEMPTS, HOP_KEEPALIVE_MS, HOP_OPEN_TIMEOUT_MS, HOP_RETRY_MS, MAX_CONTROL_BYTES } from './limits.js';

export const HOP_PATH = '/v1/hop';
export const HOP_PROTOCOL = 'cairn-hop/1';
export const DESTINATION_HEADER = 'cairn-destination';
export const REROUTE_HEADER = 'cairn-reroute';

export interface HopRequest {
  /** The gateway's name, by which its certificate is verified. */
  gateway: Address;
  /** Where that is. */
  address: Address;
  identity: HopIdentity;
  destination: Address;
  /** Whether the sidecar takes a connection back to route it anew. */
  reroutes: boolean;
}

export interface OpenHop {
  socket: Duplex;
  head: Buffer;
}

/** Nobody answered, or the answer was no. */
export class HopRefused extends Error {
  constructor(
    message: string,
    /** Another replica may take it. Nothing was done: the gateway acts once it is told to start. */
    readonly passing: boolean,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'HopRefused';
  }
}

/** Tries again where another replica may take it. Throws HopRefused. */
export async function openHop(hop: HopRequest): Promise<OpenHop> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await openOnce(hop);
    } catch (error) {
      if (!(error instanceof HopRefused) || !error.passing || attempt >= HOP_ATTEMPTS) throw error;
      await pause(HOP_RETRY_MS * 2 ** (attempt - 1));
    }
  }
}

function openOnce({ gateway, address, identity, destination, reroutes }: HopRequest): Promise<OpenHop> {
  return new Promise((resolve, reject) => {
    const name = `${gateway.host}:${gateway.port}`;
    const asked = request({
      ...address,
      servername: gateway.host,
      path: HOP_PATH,
      // No session is resumed: each connection proves who makes it, by the certificate that is good now.
      agent: false,
      // tls.connect takes it, and the types of https do not know that.
      ...{ secureContext: secureContextOf({ ...identity, minVersion: 'TLSv1.3' }) },
      headers: {
        host: name,
        connection: 'Upgrade',
        upgrade: HOP_PROTOCOL,
        [DESTINATION_HEADER]: addressText(destination),
        ...(reroutes ? { [REROUTE_HEADER]: '1' } : {}),
      },
    });
    const timer = setTimeout(() => asked.destroy(new Error(`no answer within ${HOP_OPEN_TIMEOUT_MS} ms`)), HOP_OPEN_TIMEOUT_MS);
    asked.on('error', (error) => {
      clearTimeout(timer);
      reject(new HopRefused(`the gateway ${name} was not reached: ${error.message}`, true, { cause: error }));
    });
    asked.on('response', (response) => {
      clearTimeout(timer);
      refusalOf(response).then((reason) => reject(new HopRefused(`the gateway refused: ${reason}`, response.statusCode === 503)), reject);
    });
    asked.on('upgrade', (_response, socket, head) => {
      clearTimeout(timer);
      socket.setKeepAlive(true, HOP_KEEPALIVE_MS);
      resolve({ socket, head });
    });
    asked.end();
  });
}

/** `host:port`, IPv6 in brackets. */
function addressText({ host, port }: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

async function refusalOf(response: IncomingMessage): Promise<string> {
  let body = '';
  response.setEncoding('utf8');
  for await (const chunk of response as AsyncIterable<string>) {
    body += chunk;
    if (body.length > MAX_CONTROL_BYTES) break;
  }
  try {
    const { detail } = JSON.parse(body) as { detail?: unknown };
    if (typeof detail === 'string') return detail;
  } catch {
    // No problem document: the status has to do.
  }
  return `status ${response.statusCode}`;
}
