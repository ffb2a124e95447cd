/** The packets that Cilium dropped, as its monitor tells them (cilium-dbg monitor --json --type drop), each with a time before it. */

/** One packet that a network policy, or the data path itself, dropped. */
export interface Drop {
  at: Date;
  /** In Cilium's words; of a network policy: `Policy denied`. */
  reason: string;
  /** IP addresses; empty where the packet is of another protocol. */
  source: string;
  destination: string;
  protocol: 'TCP' | 'UDP' | 'SCTP' | 'ICMPv4' | 'ICMPv6' | 'other';
  /** Absent for protocols without ports. */
  destinationPort?: number;
  /** The line as it was written. */
  line: string;
}

interface Notification {
  reason?: string;
  summary?: { tcp?: string; udp?: string; sctp?: string; icmpv4?: string; icmpv6?: string; l3?: Flow; l4?: Flow };
}

interface Flow {
  src: string;
  dst: string;
}

/** The drops of a log at or after a time. What is no notification, and a last line that is not whole yet, is passed over. */
export function dropsSince(log: string, since: Date): Drop[] {
  return log.split('\n').flatMap((line) => {
    const drop = parseDrop(line);
    return drop && drop.at >= since ? [drop] : [];
  });
}

function parseDrop(line: string): Drop | undefined {
  const [, seconds, text] = /^(\d+[.,]\d+) (\{.*\})$/.exec(line) ?? [];
  if (seconds === undefined || text === undefined) return undefined;
  const { reason = '', summary = {} } = JSON.parse(text) as Notification;
  const protocol = protocolOf(summary);
  const ports = protocol === 'TCP' || protocol === 'UDP' || protocol === 'SCTP';
  return {
    at: new Date(Number(seconds.replace(',', '.')) * 1000),
    reason,
    source: summary.l3?.src ?? '',
    destination: summary.l3?.dst ?? '',
    protocol,
    ...(ports && summary.l4 ? { destinationPort: portOf(summary.l4.dst) } : {}),
    line,
  };
}

function protocolOf({ tcp, udp, sctp, icmpv4, icmpv6 }: NonNullable<Notification['summary']>): Drop['protocol'] {
  if (tcp !== undefined) return 'TCP';
  if (udp !== undefined) return 'UDP';
  if (sctp !== undefined) return 'SCTP';
  if (icmpv4 !== undefined) return 'ICMPv4';
  return icmpv6 === undefined ? 'other' : 'ICMPv6';
}

/** gopacket writes a well-known port with its name: `53(domain)`. */
function portOf(text: string): number {
  return Number.parseInt(text, 10);
}
