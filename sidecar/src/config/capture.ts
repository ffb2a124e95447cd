/** Configuration of the capture init container. */
import type { CaptureRules } from '../capture/nftables.js';
import { integer, listenAddress, ports, text, type Environment } from './env.js';

export function captureConfig(env: Environment): CaptureRules {
  text(env, 'CAIRN_SIDECAR_UID');
  return {
    sidecarUid: integer(env, 'CAIRN_SIDECAR_UID', 0, { min: 1, max: 0x7fff_ffff }),
    outboundPort: listenAddress(env, 'CAIRN_OUTBOUND_LISTEN', '[::]:15001').port,
    inboundPort: listenAddress(env, 'CAIRN_INBOUND_LISTEN', '[::]:15006').port,
    inboundPorts: ports(env, 'CAIRN_INBOUND_PORTS'),
    dnsPort: listenAddress(env, 'CAIRN_DNS_LISTEN', '127.0.0.1:15053').port,
    adminPort: listenAddress(env, 'CAIRN_ADMIN_LISTEN', '127.0.0.1:15020').port,
  };
}
