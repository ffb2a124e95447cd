/** What tells who stopped an attempt, in words that are the same in every run. Pure. */
import { isIPv6 } from 'node:net';
import type { Attempt, Probe } from './attempt.js';
import type { Outcome, ProbeResult } from './outcome.js';

/** What was recorded while the attempts ran. */
export interface Records {
  /** Ids of the sidecar's events, and the destinations (`host:port`) of connections that it refused. */
  events: ReadonlySet<string>;
  refusedDestinations: ReadonlySet<string>;
  /** Names that the sidecar's DNS refused. */
  refusedNames: ReadonlySet<string>;
  /** Destinations (`host:port`, or `host` where there are no ports) of packets that the network policy dropped. */
  drops: ReadonlySet<string>;
}

const EVENT = /"event": ?"([0-9a-f-]{36})"|\bevent ([0-9a-f-]{36})/;

/** One way to write a destination: IPv6 addresses have several (RFC 5952). Without a port for protocols that have none. */
export function destinationKey(host: string, port?: number | string): string {
  const canonical = isIPv6(host) ? new URL(`http://[${host}]`).hostname.slice(1, -1) : host;
  return port === undefined ? canonical : `${canonical}:${port}`;
}

function destinationOf(probe: Probe): string | undefined {
  switch (probe.kind) {
    case 'tcp':
    case 'udp':
      return destinationKey(probe.host, probe.port);
    case 'icmp':
      return destinationKey(probe.host);
    case 'dns':
      return destinationKey(probe.server, probe.port);
    case 'packet':
      return undefined;
    case 'command': {
      const url = /https?:\/\/(?:\[([^\]]+)\]|([^/:]+)):(\d+)/.exec(probe.argv.join(' '));
      return url ? destinationKey(url[1] ?? url[2] ?? '', url[3]) : undefined;
    }
    default:
      return probe satisfies never;
  }
}

function byApiServer({ said }: ProbeResult): string | undefined {
  const policy = /ValidatingAdmissionPolicy '([\w-]+)'/.exec(said)?.[1];
  if (policy) return `API server: policy \`${policy}\``;
  const webhook = /webhook \\?"([\w.-]+)\\?" denied/.exec(said)?.[1];
  if (webhook) return `API server: webhook \`${webhook}\``;
  if (/"reason": ?"Unauthorized"/.test(said)) return 'API server: unauthorized';
  return /^MENDED: (.*)/m.exec(said)?.[1];
}

function bySidecar(probe: Probe, { said }: ProbeResult, records: Records): string | undefined {
  const found = EVENT.exec(said);
  const id = found?.[1] ?? found?.[2];
  if (id !== undefined && records.events.has(id)) return 'event of the refusal, named in the answer';
  const destination = destinationOf(probe);
  const isTcp = probe.kind === 'tcp' || probe.kind === 'command' || (probe.kind === 'dns' && probe.tcp);
  if (isTcp && destination !== undefined && records.refusedDestinations.has(destination)) return 'event of a refused `CONNECT`';
  if (probe.kind === 'dns' && records.refusedNames.has(probe.name)) return "sidecar's log: name refused";
  const name = probe.kind === 'command' ? probe.argv.find((each) => records.refusedNames.has(each)) : undefined;
  return name === undefined ? undefined : "sidecar's log: name refused";
}

function byKernel({ said, errno }: ProbeResult): string | undefined {
  const words = /Operation not permitted|Permission denied|no process of the sidecar is seen|nothing found|stays user \d+/.exec(said)?.[0];
  const name = errno ?? /errno (E[A-Z]+)/.exec(said)?.[1];
  return name !== undefined ? `errno ${name}` : words && `container: ${words.toLowerCase()}`;
}

export function evidenceOf(attempt: Attempt, probe: Probe, outcome: Outcome, result: ProbeResult, records: Records): string {
  const destination = destinationOf(probe);
  const dropped = destination !== undefined && records.drops.has(destination) ? "Cilium's log: policy denied" : undefined;
  const own = attempt.layer === 'L0 kernel' ? byKernel(result) : undefined;
  const found = own ?? byApiServer(result) ?? bySidecar(probe, result, records) ?? dropped ?? byKernel(result);
  if (found) return found;
  const answer = /^HTTP\/1\.1 (\d{3})/m.exec(result.said)?.[1];
  if (answer) return `answer ${answer}`;
  return attempt.reached.kind === 'server' ? `${attempt.reached.server} was not reached (${outcome})` : outcome;
}
