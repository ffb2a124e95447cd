/**
 * Answers the pod's DNS: a declared host gets its virtual address, everything else NXDOMAIN. Nothing is forwarded, so that
 * no name lookup can carry data out of the pod.
 */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { decode, encode, type Answer } from 'dns-packet';
import type { VirtualAddresses } from '../route/routes.js';
import { DNS_TTL_SECONDS, MAX_DNS_QUERY_BYTES } from './limits.js';

/** Flags and bits of RFC 1035 4.1.1. */
const AUTHORITATIVE = 0x0400;
const RECURSION_DESIRED = 0x0100;
const OPCODE = 0x7800;
const RECURSION_AVAILABLE = 0x0080;
const NXDOMAIN = 3;

/** The response to one query; undefined: not a query that can be answered. */
export function answerQuery(query: Buffer, addresses: VirtualAddresses): { response: Buffer; refused: string | undefined } | undefined {
  if (query.length > MAX_DNS_QUERY_BYTES) return undefined;
  const packet = decodeQuery(query);
  const question = packet?.questions?.[0];
  const asked = packet?.flags ?? 0;
  if (!packet || packet.type !== 'query' || !question || (asked & OPCODE) !== 0) return undefined;
  const address = addresses.addressOf(question.name);
  const answers: Answer[] =
    address && question.type === 'A' ? [{ type: 'A', name: question.name, ttl: DNS_TTL_SECONDS, data: address }] : [];
  const flags = AUTHORITATIVE | RECURSION_AVAILABLE | (asked & RECURSION_DESIRED) | (address ? 0 : NXDOMAIN);
  const response = encode({ type: 'response', id: packet.id ?? 0, flags, questions: [question], answers });
  return { response, refused: address ? undefined : question.name };
}

function decodeQuery(query: Buffer): ReturnType<typeof decode> | undefined {
  try {
    return decode(query);
  } catch {
    return undefined;
  }
}

/** Serves DNS over UDP; `refused` is told of names that no policy declares. */
export async function serveDns(
  listen: { host: string; port: number },
  addresses: () => VirtualAddresses,
  refused: (name: string) => void,
): Promise<Socket> {
  const socket = createSocket({ type: listen.host.includes(':') ? 'udp6' : 'udp4' });
  socket.on('message', (message, peer) => {
    const answered = answerQuery(message, addresses());
    if (!answered) return;
    if (answered.refused !== undefined) refused(answered.refused);
    // Nobody can be answered at port 0, and Node would throw.
    if (peer.port !== 0) socket.send(answered.response, peer.port, peer.address, () => undefined);
  });
  socket.bind(listen.port, listen.host);
  await once(socket, 'listening');
  return socket;
}
