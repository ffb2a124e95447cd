/** Names: another resolver, and names that no policy declares through the one that is there. */
import type { Attempt, Places, Probe } from '../attempt.js';

/** The address that the suite's own responder answers with. */
const ANSWERED = /address 203\.0\.113\.1/;
/** What CoreDNS answers for a Service; virtual addresses of the sidecar are of 198.18.0.0/15. */
const FOUND = /rcode 0 answers [1-9]\d* address (?!198\.1[89]\.)/;

const LOOKUP = `
import socket, sys
try: print("found", socket.getaddrinfo(sys.argv[1], 80)[0][4][0])
except socket.gaierror as error: print("rcode 3", error)
`;

const question = (server: string, name: string, tcp = false): Probe => ({ kind: 'dns', server, port: 53, name, tcp });

function asked(id: string, title: string, pattern: RegExp, probe: (places: Places, marker: string) => Probe): Attempt {
  return { id, title, family: 'names', layer: 'L1 sidecar', probe, reached: { kind: 'output', pattern } };
}

const qualified = ({ upstreamHost }: Places): string => `${upstreamHost}.cluster.local`;

export const names: readonly Attempt[] = [
  asked('resolver-v4', 'a question to a resolver of its own, IPv4', ANSWERED, ({ upstream }, marker) =>
    question(upstream.v4, `${marker}.tunnel.test`),
  ),
  asked('resolver-v6', 'a question to a resolver of its own, IPv6', ANSWERED, ({ upstream }, marker) =>
    question(upstream.v6, `${marker}.tunnel.test`),
  ),
  asked('resolver-tcp', 'a question to a resolver by TCP', FOUND, (places) => question(places.dns.v4, qualified(places), true)),
  asked('resolver-cluster-v4', "an undeclared name asked of the cluster's resolver, IPv4", FOUND, (places) =>
    question(places.dns.v4, qualified(places)),
  ),
  asked('resolver-cluster-v6', "an undeclared name asked of the cluster's resolver, IPv6", FOUND, (places) =>
    question(places.dns.v6, qualified(places)),
  ),
  asked('tunnel-names', 'data in a name that no policy declares, by the resolver of the container', /^found /m, (places) => ({
    kind: 'command',
    argv: ['python3', '-c', LOOKUP, qualified(places)],
  })),
];
