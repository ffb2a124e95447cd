/** Through the sidecar, to somewhere else than it thinks. */
import type { Address, Attempt, Places, Probe, Reached } from '../attempt.js';

const curl = ({ seconds }: Places, ...argv: string[]): Probe => ({
  kind: 'command',
  argv: ['curl', '-sS', '--max-time', `${seconds}`, ...argv],
});
const upstream: Reached = { kind: 'server', server: 'upstream' };
const literal = (host: string): string => (host.includes(':') ? `[${host}]` : host);

function tunnel(id: string, title: string, reached: Reached, probe: (places: Places, marker: string) => Probe): Attempt {
  return { id, title, family: 'tunnels', layer: 'L1 sidecar', probe, reached };
}

/** The declared server stands for a front that serves several hosts by the name they ask for. */
const fronted: Reached = { kind: 'server', server: 'declared', saying: /^host: outside\.test/im };

/** Bytes to a declared port that no client would send, and the answer to them: `host seconds bytes`. */
const RAW = `
import socket, sys
host, seconds, sent = sys.argv[1], float(sys.argv[2]), sys.argv[3]
with socket.create_connection((host, 80), seconds) as s:
    s.sendall(sent.encode())
    print(s.recv(4096).decode())
`;

const raw = ({ declaredHost, seconds }: Places, sent: string): Probe => ({
  kind: 'command',
  argv: ['python3', '-c', RAW, declaredHost, `${seconds}`, sent],
});

/** The head of a request in HTTP/1.1. */
const request = (line: string, ...fields: string[]): string => `${[`${line} HTTP/1.1`, ...fields].join('\r\n')}\r\n\r\n`;

const WEBSOCKET = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=='];

const addressed = (version: keyof Address): Attempt =>
  tunnel(`ip-literal-${version}`, `an address instead of a name, IP${version}`, upstream, (places, marker) =>
    curl(places, `http://${literal(places.upstream[version])}:8080/${marker}`),
  );

export const tunnels: readonly Attempt[] = [
  tunnel('host-field', 'a Host that the connection does not lead to', fronted, (places, marker) =>
    curl(places, '-H', 'Host: outside.test', `http://${places.declaredHost}/${marker}`),
  ),
  tunnel('fronting', 'domain fronting: a declared SNI, another Host', fronted, (places, marker) =>
    curl(places, '-k', '-H', 'Host: outside.test', `https://${places.secureHost}/${marker}`),
  ),
  tunnel(
    'server-name',
    'an SNI that the connection does not lead to',
    { kind: 'server', server: 'declared', saying: /"sni":"outside\.test"|^host: outside\.test/im },
    (places, marker) => curl(places, '-k', '--connect-to', `outside.test:443:${places.secureHost}:443`, `https://outside.test/${marker}`),
  ),
  tunnel(
    'absolute-form',
    'a request in absolute form for another host',
    { kind: 'server', server: 'declared', saying: /outside\.test/ },
    (places, marker) => raw(places, request(`GET http://outside.test/${marker}`, 'Host: outside.test', 'Connection: close')),
  ),
  tunnel(
    'connect-method',
    'CONNECT over a connection to a declared target',
    { kind: 'server', server: 'declared', saying: /^CONNECT /m },
    (places, marker) => raw(places, request(`CONNECT ${marker}.test:80`, `Host: ${marker}.test:80`)),
  ),
  tunnel(
    'upgrade-h2c',
    'Upgrade to a protocol that no rule reads',
    { kind: 'server', server: 'declared', saying: /^upgrade: h2c/im },
    (places, marker) =>
      raw(
        places,
        request(
          `GET /${marker}`,
          ...[
            `Host: ${places.declaredHost}`,
            'Connection: Upgrade, HTTP2-Settings',
            'Upgrade: h2c',
            'HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA',
          ],
        ),
      ),
  ),
  tunnel('websocket-elsewhere', 'a WebSocket to another host, over a declared connection', fronted, (places, marker) =>
    raw(places, request(`GET /${marker}`, 'Host: outside.test', ...WEBSOCKET)),
  ),
  tunnel('websocket-denied', 'a WebSocket where the policy denies the path', { kind: 'server', server: 'declared' }, (places, marker) =>
    raw(places, request(`GET /denied/${marker}`, `Host: ${places.declaredHost}`, ...WEBSOCKET)),
  ),
  tunnel(
    'smuggling',
    'a second request hidden in the body of a first',
    { kind: 'server', server: 'declared', saying: /GET \/denied\// },
    (places, marker) =>
      raw(
        places,
        request(`POST /${marker}`, `Host: ${places.declaredHost}`, 'Content-Length: 4', 'Transfer-Encoding: chunked') +
          `0\r\n\r\n${request(`GET /denied/${marker}`, 'Host: x')}`,
      ),
  ),
  tunnel(
    'other-protocol',
    'bytes of another protocol to a declared port',
    { kind: 'server', server: 'declared', saying: /^SSH-2\.0/ },
    (places, marker) => raw(places, `SSH-2.0-${marker}\r\n`),
  ),
  addressed('v4'),
  addressed('v6'),
  {
    ...tunnel('rebinding', 'a declared name that comes to resolve to a pod of the cluster', upstream, (places, marker) =>
      curl(places, `http://${places.rebindHost}:8080/${marker}`),
    ),
    layer: 'L2 network policy',
  },
];
