/** TCP sockets of the pod as /proc/net/tcp and tcp6 list them (proc_net_tcp in the kernel's documentation), and those that go past the sidecar. Pure. */
import { endianness } from 'node:os';
import { MAX_WATCHED_SOCKETS } from './limits.js';

export interface Endpoint {
  host: string;
  port: number;
}

export interface PodSocket {
  local: Endpoint;
  remote: Endpoint;
  established: boolean;
  uid: number;
  /** False while it waits to be accepted: the kernel then knows no owner. */
  owned: boolean;
}

const ESTABLISHED = '01';
const WORD = 4;

/** The kernel prints words of 32 bits as the machine holds them. */
function bytesOf(hex: string): Buffer {
  const bytes = Buffer.from(hex, 'hex');
  if (endianness() === 'BE') return bytes;
  for (let at = 0; at < bytes.length; at += WORD) bytes.subarray(at, at + WORD).reverse();
  return bytes;
}

/** RFC 4291 2.5.5.2: the same connection is listed as IPv4 by one end and as mapped IPv6 by the other. */
function isMapped(bytes: Buffer): boolean {
  return bytes.length === 16 && bytes.readUInt16BE(10) === 0xffff && bytes.subarray(0, 10).every((byte) => byte === 0);
}

function hostOf(hex: string): string {
  const bytes = bytesOf(hex);
  if (bytes.length === 4) return bytes.join('.');
  if (isMapped(bytes)) return bytes.subarray(12).join('.');
  return Array.from({ length: 8 }, (_, group) => bytes.readUInt16BE(2 * group).toString(16)).join(':');
}

function endpointOf(text: string): Endpoint {
  const [address = '', port = ''] = text.split(':');
  return { host: hostOf(address), port: Number.parseInt(port, 16) };
}

/** Lines beyond the limit are left out. */
export function parseSockets(table: string): PodSocket[] {
  const lines = table.split('\n', MAX_WATCHED_SOCKETS + 1).slice(1);
  return lines.flatMap((line) => {
    const [, local, remote, state, , , , uid, , inode] = line.trim().split(/\s+/);
    if (local === undefined || remote === undefined || inode === undefined) return [];
    return [
      { local: endpointOf(local), remote: endpointOf(remote), established: state === ESTABLISHED, uid: Number(uid), owned: inode !== '0' },
    ];
  });
}

export const keyOf = ({ host, port }: Endpoint): string => `${host} ${port}`;

const isLoopback = (host: string): boolean => host.startsWith('127.') || host === '0:0:0:0:0:0:0:1';

/**
 * Connections of other users than the sidecar's whose other end is not in the pod. What the capture rules redirect ends at the sidecar: among
 * the pod's sockets there is one whose peer is the agent's. Both tables together, read one right after the other.
 */
export function uncaptured(sockets: readonly PodSocket[], sidecarUid: number): PodSocket[] {
  const own = new Set(sockets.map(({ local }) => local.host));
  const ends = new Set(sockets.map(({ remote }) => keyOf(remote)));
  return sockets.filter(({ local, remote, established, uid, owned }) => {
    if (!established || !owned || uid === sidecarUid) return false;
    return !isLoopback(remote.host) && !own.has(remote.host) && !ends.has(keyOf(local));
  });
}
