/** Hosts of targets: one spelling for each, so that they can be compared. */
import { isIP } from 'node:net';

/** Lower case without a trailing dot; IP addresses in their one canonical form (RFC 5952), IPv4-mapped ones as IPv4. */
export function canonicalHost(host: string): string {
  const bare = host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host;
  if (isIP(bare) === 6) return canonicalIPv6(bare);
  const lower = bare.toLowerCase();
  return lower.endsWith('.') ? lower.slice(0, -1) : lower;
}

function canonicalIPv6(address: string): string {
  const zone = address.indexOf('%');
  const canonical = new URL(`http://[${zone < 0 ? address : address.slice(0, zone)}]`).hostname.slice(1, -1);
  const mapped = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(canonical);
  if (!mapped) return canonical;
  const [high, low] = [Number.parseInt(mapped[1]!, 16), Number.parseInt(mapped[2]!, 16)];
  return [high >> 8, high & 255, low >> 8, low & 255].join('.');
}

/** RFC 1123 2.1 and the underscore that some services use. */
const LABEL = /^[a-z0-9_]([-a-z0-9_]*[a-z0-9_])?$/;

/** What is wrong with a host, completing "host X ..."; undefined: nothing. */
export function hostMistake(host: string): string | undefined {
  if (isIP(host) !== 0) return undefined;
  if (host.includes(':')) return 'is no host alone; put the port into port and leave out scheme and brackets';
  const labels = canonicalHost(host).split('.');
  if (labels.every((label) => /^[0-9]+$/.test(label))) return 'is no complete IP address; write four numbers from 0 to 255';
  if (labels.some((label) => label === '')) return 'has an empty label; remove the doubled or leading dot';
  if (labels.some((label) => label.length > 63)) return 'has a label of more than 63 characters';
  return labels.every((label) => LABEL.test(label)) ? undefined : 'is no DNS name; labels begin and end with a letter or digit';
}
