/** Through the sidecar, to somewhere else than it thinks. */
import type { Address, Attempt, Places, Probe, Reached } from '../attempt.js';

const curl = (...argv: string[]): Probe => ({ kind: 'command', argv: ['curl', '-sS', '--max-time', '6', ...argv] });
const upstream: Reached = { kind: 'server', server: 'upstream' };
const literal = (host: string): string => (host.includes(':') ? `[${host}]` : host);

function tunnel(id: string, title: string, reached: Reached, probe: (places: Places, marker: string) => Probe): Attempt {
  return { id, title, family: 'tunnels', layer: 'L1 sidecar', probe, reached };
}

/** The declared server stands for a front that serves several hosts by the name they ask for. */
const fronted: Reached = { kind: 'server', server: 'declared', saying: /^host: outside\.test/im };

const raw = (text: string): Probe => ({
  kind: 'command',
  argv: [
    'python3',
    '-c',
    'import socket,sys; s=socket.create_connection((sys.argv[1],80),5); s.sendall(sys.argv[2].encode().decode("unicode_escape").encode()); s.settimeout(5); print(s.recv(4096).decode())',
    ...text.split('\n', 2),
  ],
});

const addressed = (version: keyof Address): Attempt =>
  tunnel(`ip-literal-${version}`, `an address instead of a name, IP${version}`, upstream, ({ upstream: at }, marker) =>
    curl(`http://${literal(at[version])}:8080/${marker}`),
  );

export const tunnels: readonly Attempt[] = [
  tunnel('host-field', 'a Host that the connection does not lead to', fronted, ({ declaredHost }, marker) =>
    curl('-H', 'Host: outside.test', `http://${declaredHost}/${marker}`),
  ),
  tunnel('fronting', 'domain fronting: a declared SNI, another Host', fronted, ({ secureHost }, marker) =>
    curl('-k', '-H', 'Host: outside.test', `https://${secureHost}/${marker}`),
  ),
  tunnel(
    'server-name',
    'an SNI that the connection does not lead to',
    { kind: 'server', server: 'declared', saying: /"sni":"outside\.test"|^host: outside\.test/im },
    ({ secureHost }, marker) => curl('-k', '--connect-to', `outside.test:443:${secureHost}:443`, `https://outside.test/${marker}`),
  ),
  tunnel(
    'absolute-form',
    'a request in absolute form for another host',
    { kind: 'server', server: 'declared', saying: /outside\.test/ },
    ({ declaredHost }, marker) =>
      raw(`${declaredHost}\nGET http://outside.test/${marker} HTTP/1.1\\r\\nHost: outside.test\\r\\nConnection: close\\r\\n\\r\\n`),
  ),
  tunnel(
    'connect-method',
    'CONNECT over a connection to a declared target',
    { kind: 'server', server: 'declared', saying: /^CONNECT /m },
    ({ declaredHost }, marker) => raw(`${declaredHost}\nCONNECT ${marker}.test:80 HTTP/1.1\\r\\nHost: ${marker}.test:80\\r\\n\\r\\n`),
  ),
  tunnel(
    'upgrade-h2c',
    'Upgrade to a protocol that no rule reads',
    { kind: 'server', server: 'declared', saying: /^upgrade: h2c/im },
    ({ declaredHost }, marker) => curl('--http2', `http://${declaredHost}/${marker}`),
  ),
  tunnel('websocket-elsewhere', 'a WebSocket to another host, over a declared connection', fronted, ({ declaredHost }, marker) =>
    raw(
      `${declaredHost}\nGET /${marker} HTTP/1.1\\r\\nHost: outside.test\\r\\nConnection: Upgrade\\r\\nUpgrade: websocket\\r\\nSec-WebSocket-Version: 13\\r\\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\\r\\n\\r\\n`,
    ),
  ),
  tunnel(
    'websocket-denied',
    'a WebSocket where the policy denies the path',
    { kind: 'server', server: 'declared' },
    ({ declaredHost }, marker) =>
      raw(
        `${declaredHost}\nGET /denied/${marker} HTTP/1.1\\r\\nHost: ${declaredHost}\\r\\nConnection: Upgrade\\r\\nUpgrade: websocket\\r\\nSec-WebSocket-Version: 13\\r\\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\\r\\n\\r\\n`,
      ),
  ),
  tunnel(
    'smuggling',
    'a second request hidden in the body of a first',
    { kind: 'server', server: 'declared', saying: /GET \/denied\// },
    ({ declaredHost }, marker) =>
      raw(
        `${declaredHost}\nPOST /${marker} HTTP/1.1\\r\\nHost: ${declaredHost}\\r\\nContent-Length: 4\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n0\\r\\n\\r\\nGET /denied/${marker} HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n`,
      ),
  ),
  tunnel(
    'other-protocol',
    'bytes of another protocol to a declared port',
    { kind: 'server', server: 'declared', saying: /^SSH-2\.0/ },
    ({ declaredHost }, marker) => raw(`${declaredHost}\nSSH-2.0-${marker}\\r\\n`),
  ),
  addressed('v4'),
  addressed('v6'),
  {
    ...tunnel('rebinding', 'a declared name that comes to resolve to a pod of the cluster', upstream, ({ rebindHost }, marker) =>
      curl(`http://${rebindHost}:8080/${marker}`),
    ),
    layer: 'L2 network policy',
  },
];
