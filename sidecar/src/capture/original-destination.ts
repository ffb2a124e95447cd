/** Where a redirected connection was going: getsockopt(SO_ORIGINAL_DST), which Node does not offer. Linux only. */
import { createRequire } from 'node:module';
import type { Socket } from 'node:net';

const SOL_IP = 0;
const SO_ORIGINAL_DST = 80;
const SOL_IPV6 = 41;
const IP6T_SO_ORIGINAL_DST = 80;
/** struct sockaddr_in is 16 bytes, sockaddr_in6 28. */
const SOCKADDR_BYTES = 28;

export interface Destination {
  address: string;
  port: number;
}

type GetSockOpt = (fd: number, level: number, option: number, value: Buffer, length: number[]) => number;
let getsockopt: GetSockOpt | undefined;

function systemCall(): GetSockOpt {
  // Loaded at first use: only redirected connections need it.
  getsockopt ??= (createRequire(import.meta.url)('koffi') as typeof import('koffi'))
    .load(null)
    .func('int getsockopt(int fd, int level, int option, _Out_ uint8_t *value, _Inout_ uint32_t *length)') as unknown as GetSockOpt;
  return getsockopt;
}

/** The destination before redirection; undefined where the connection was not redirected. */
export function originalDestination(socket: Socket): Destination | undefined {
  const fd = (socket as Socket & { _handle?: { fd?: number } })._handle?.fd;
  if (fd === undefined || fd < 0) return undefined;
  const isV4 = socket.localAddress?.startsWith('::ffff:') || !socket.localAddress?.includes(':');
  return isV4 ? ipv4(fd) : ipv6(fd);
}

function ipv4(fd: number): Destination | undefined {
  const value = Buffer.alloc(SOCKADDR_BYTES);
  if (systemCall()(fd, SOL_IP, SO_ORIGINAL_DST, value, [16]) !== 0) return undefined;
  return { address: value.subarray(4, 8).join('.'), port: value.readUInt16BE(2) };
}

function ipv6(fd: number): Destination | undefined {
  const value = Buffer.alloc(SOCKADDR_BYTES);
  if (systemCall()(fd, SOL_IPV6, IP6T_SO_ORIGINAL_DST, value, [SOCKADDR_BYTES]) !== 0) return undefined;
  const groups = Array.from({ length: 8 }, (_, index) => value.readUInt16BE(8 + index * 2).toString(16));
  return { address: groups.join(':'), port: value.readUInt16BE(2) };
}
