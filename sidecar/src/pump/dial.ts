/** Opens the target leg: TCP, and TLS on top with strict verification. */
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { DialError } from '../protocols/protocol.js';
import { CONNECT_TIMEOUT_MS, HANDSHAKE_TIMEOUT_MS } from './limits.js';
import { secureContextOf } from './secure-contexts.js';

export interface Address {
  host: string;
  port: number;
}

/** Where a declared host really is; the default asks the system's resolver by connecting to the name. */
export type Resolve = (host: string, port: number) => Address;

/** Connects, or rejects with a DialError that names the target and the reason. */
export function dial(address: Address): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connectTcp({ host: address.host, port: address.port, noDelay: true, allowHalfOpen: true });
    const timer = setTimeout(() => socket.destroy(Object.assign(new Error('timed out'), { code: 'ETIMEDOUT' })), CONNECT_TIMEOUT_MS);
    const failed = (error: NodeJS.ErrnoException): void => {
      clearTimeout(timer);
      reject(new DialError(dialCode(error), `cannot connect to ${address.host}:${address.port}: ${dialReason(error)}`, { cause: error }));
    };
    socket.once('error', failed);
    socket.once('connect', () => {
      clearTimeout(timer);
      socket.off('error', failed);
      resolve(socket);
    });
  });
}

function dialCode(error: NodeJS.ErrnoException): DialError['code'] {
  if (error.code === 'ECONNREFUSED') return 'refused';
  if (error.code === 'ETIMEDOUT') return 'timeout';
  if (error.code === 'ENOTFOUND' || error.code === 'EAI_AGAIN') return 'dns';
  return 'unreachable';
}

function dialReason(error: NodeJS.ErrnoException): string {
  return error.code ?? error.message;
}

export interface TargetTlsOptions {
  host: string;
  serverName: string | undefined;
  ca: string | undefined;
  alpn: string[] | undefined;
  clientCertificate: { cert: string; key: string } | undefined;
}

/** TLS over a connected socket; the server's name and chain are always verified. */
export function secureTargetSocket(socket: Socket, options: TargetTlsOptions): Promise<TLSSocket> {
  const name = options.serverName ?? options.host;
  return new Promise((resolve, reject) => {
    const secured = connectTls({
      socket,
      host: name,
      servername: isIP(name) ? undefined : name,
      secureContext: secureContextOf({ ca: options.ca, ...options.clientCertificate, minVersion: 'TLSv1.2' }),
      rejectUnauthorized: true,
      ...(options.alpn ? { ALPNProtocols: options.alpn } : {}),
    });
    const timer = setTimeout(() => secured.destroy(new Error('the handshake timed out')), HANDSHAKE_TIMEOUT_MS);
    const failed = (error: Error): void => {
      clearTimeout(timer);
      reject(new DialError('tls', `TLS with ${name}: ${error.message}`, { cause: error }));
    };
    secured.once('error', failed);
    secured.once('secureConnect', () => {
      clearTimeout(timer);
      secured.off('error', failed);
      resolve(secured);
    });
  });
}
