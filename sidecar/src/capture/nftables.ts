/**
 * The pod's capture rules, as one nftables transaction for IPv4 and IPv6. Only the sidecar's UID is exempt: no group,
 * mark, port or CIDR. DNS goes to the sidecar, TCP to its listener; everything else but loopback is rejected. What was
 * redirected has a loopback address by then, but its output device is still the one that was routed to before.
 */
export interface CaptureRules {
  sidecarUid: number;
  outboundPort: number;
  inboundPort: number;
  /** Application ports whose connections from outside go through the inbound listener. */
  inboundPorts: readonly number[];
  dnsPort: number;
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
  chain fence {
    type filter hook output priority 0; policy accept;
    meta skuid ${sidecarUid} accept
    oif "lo" accept
    ip daddr 127.0.0.0/8 accept
    ip6 daddr ::1 accept
    ct state established,related ct direction reply accept
    counter reject with icmpx admin-prohibited
  }
}
`;
}
