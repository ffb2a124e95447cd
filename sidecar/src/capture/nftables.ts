/**
 * The pod's capture rules, as one nftables transaction for IPv4 and IPv6. Only the sidecar's UID is exempt: no group,
 * mark, port or CIDR. DNS goes to the sidecar, TCP to its listener; everything else but loopback is rejected. What was
 * redirected has a loopback address by then, but its output device is still the one that was routed to before.
 */
export interface CaptureRules {
  sidecarUid: number;
  outboundPort: number;
  inboundPort: number;
  /** Application ports whose connections from outside go through the inbound listener; no other port is open to the outside. */
  inboundPorts: readonly number[];
  dnsPort: number;
  /** Loopback port of the sidecar's admin listener, which ends it: nobody's but its own. */
  adminPort: number;
}

const DISCOVERY = 'nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit, nd-router-advert';

/**
 * What leaves. While the sidecar is down its ports are free: who listens there instead would be handed what callers present to it,
 * so a handshake from one of them is the sidecar's or nobody's. Packets that no process owns are the kernel's: IPv6 neighbour
 * discovery (RFC 4861), and what is left to send of a connection that the sidecar has closed.
 */
function fence({ sidecarUid, outboundPort, inboundPort, adminPort }: CaptureRules): string {
  return `  chain fence {
    type filter hook output priority 0; policy accept;
    meta skuid ${sidecarUid} accept
    tcp dport ${adminPort} counter reject with tcp reset
    tcp sport { ${outboundPort}, ${inboundPort} } tcp flags & (syn | ack) == syn | ack counter drop
    oif "lo" accept
    ct status dnat ip daddr 127.0.0.1 accept
    ct status dnat ip6 daddr ::1 accept
    ct state established,related ct direction reply accept
    meta skuid 0-4294967295 counter reject with icmpx admin-prohibited
    ct state established,related accept
    icmpv6 type { ${DISCOVERY} } accept
    counter reject with icmpx admin-prohibited
  }
`;
}

/**
 * A flow is redirected as its first packet was, for as long as it is tracked: from a port that an agent had just asked from, the sidecar's
 * own question would come to the sidecar. Its questions are therefore tracked in a zone of their own; answers are told apart anyway.
 */
function questions({ sidecarUid }: CaptureRules): string {
  return `  chain questions {
    type filter hook output priority -300; policy accept;
    meta skuid ${sidecarUid} udp dport 53 ct original zone set 1
  }
`;
}

/** A socket may be bound to a device (SO_BINDTODEVICE needs no capability): loopback's addresses then leave by it. */
function edge({ sidecarUid }: CaptureRules): string {
  return `  chain edge {
    type filter hook postrouting priority 0; policy accept;
    oif "lo" accept
    meta skuid ${sidecarUid} accept
    ip daddr 127.0.0.0/8 counter drop
    ip6 daddr ::1 counter drop
  }
`;
}

/** What enters: callers of declared ports, by way of the inbound listener. A port that nobody declared would be a way out, in answers. */
function entry({ inboundPort }: CaptureRules): string {
  return `  chain entry {
    type filter hook input priority 0; policy accept;
    iif "lo" accept
    ct state established,related accept
    tcp dport ${inboundPort} accept
    icmp type echo-request accept
    icmpv6 type { echo-request, ${DISCOVERY} } accept
    counter reject with icmpx admin-prohibited
  }
`;
}

/** Text for `nft -f -`. Creating then deleting the table makes it safe to run again (a retried init container). */
export function nftablesScript(rules: CaptureRules): string {
  const { sidecarUid, outboundPort, inboundPort, inboundPorts, dnsPort } = rules;
  const inbound = inboundPorts.length === 0 ? '' : `    iif != "lo" tcp dport { ${inboundPorts.join(', ')} } redirect to :${inboundPort}\n`;
  return `table inet cairn
delete table inet cairn
table inet cairn {
  chain outbound {
    type nat hook output priority -100; policy accept;
    meta skuid ${sidecarUid} return
    udp dport 53 redirect to :${dnsPort}
    oif "lo" return
    meta l4proto tcp redirect to :${outboundPort}
  }
  chain inbound {
    type nat hook prerouting priority -100; policy accept;
${inbound}  }
${questions(rules)}${fence(rules)}${edge(rules)}${entry(rules)}}
`;
}
