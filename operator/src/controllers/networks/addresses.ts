/** Address blocks of fences. Pure. */
import { isIP } from 'node:net';

export interface IpBlock {
  cidr: string;
  except?: string[];
}

/**
 * The public Internet, as far as addresses say: without private use (RFC 1918, RFC 4193), shared address space (RFC 6598),
 * loopback, link-local (metadata services among them), protocol assignments, benchmarking, multicast and reserved blocks (RFC 6890),
 * and without the translations that lead back to them (RFC 6052, RFC 3056).
 */
export const PUBLIC_BLOCKS: readonly IpBlock[] = [
  {
    cidr: '0.0.0.0/0',
    except: [
      '0.0.0.0/8',
      '10.0.0.0/8',
      '100.64.0.0/10',
      '127.0.0.0/8',
      '169.254.0.0/16',
      '172.16.0.0/12',
      '192.0.0.0/24',
      '192.168.0.0/16',
      '198.18.0.0/15',
      '224.0.0.0/4',
      '240.0.0.0/4',
    ],
  },
  // 2000::/3 is all that is assigned as global unicast (RFC 4291): private, link-local and multicast lie outside of it.
  { cidr: '2000::/3', except: ['2001:db8::/32', '2002::/16'] },
];

/** One address as a block. */
export function blockOf(address: string): IpBlock {
  return { cidr: `${address}/${isIP(address) === 6 ? 128 : 32}` };
}
