/** How the streams of a port forwarding travel: over SPDY/3.1, as it is or inside a WebSocket. Pure. */
import { valuesOf } from '../http/fields.js';
import type { ResponseHead } from '../http/head.js';
import type { Direction } from './command.js';
import { SpdyReader } from './spdy.js';
import { WebSocketReader } from './websocket.js';

/** `opened` hears the headers of each stream. */
export type Streams = (opened: (headers: ReadonlyMap<string, string>) => void) => Direction;

/** What a WebSocket's subprotocol begins with where SPDY travels in it (k8s.io/apimachinery/pkg/util/portforward). */
const TUNNELLED = /^SPDY\/3\.1\+/i;

/** How streams travel behind this 101; undefined where the URL has named all ports. */
export function forwardedStreams(head: ResponseHead): Streams | undefined {
  const upgrade = head.upgrade?.toLowerCase();
  if (upgrade === 'spdy/3.1') return spdyStreams;
  const tunnelled = upgrade === 'websocket' && valuesOf(head, 'sec-websocket-protocol').some((each) => TUNNELLED.test(each));
  return tunnelled ? tunnelledStreams : undefined;
}

const spdyStreams: Streams = (opened) => {
  const reader = new SpdyReader();
  return {
    read(chunk) {
      for (const piece of reader.read(chunk)) if (piece.kind === 'opened') opened(piece.headers);
    },
  };
};

const tunnelledStreams: Streams = (opened) => {
  const [messages, streams] = [new WebSocketReader(true), spdyStreams(opened)];
  return {
    read(chunk) {
      for (const { payload } of messages.read(chunk)) streams.read(payload);
    },
  };
};
