/** Where a request asks to go, and whether this connection leads there. */
import type { HttpContext } from './dialect.js';
import { HttpSyntaxError, type RequestHead } from './head.js';

export interface Routed {
  /** Path with query, or `*`. */
  path: string;
  /** Whether the request line has to be rewritten to it. */
  absolute: boolean;
  /** Host without port, in lower case and without trailing dot; undefined in HTTP/1.0 without Host. */
  host: string | undefined;
  port: number | undefined;
}

/** Where a request leads that leads nowhere; `path` is what it asked for. */
export const NOWHERE: Routed = { path: '', absolute: false, host: undefined, port: undefined };

/** Where a request goes (RFC 9112 3.2, 3.3). Throws HttpSyntaxError. */
function routeOf(head: RequestHead): Routed {
  const { target } = head;
  if (target.charCodeAt(0) === 0x2f) return { path: target, absolute: false, ...authority(head.host) };
  if (target === '*' && head.method === 'OPTIONS') return { path: '*', absolute: false, ...authority(head.host) };
  const match = /^(https?):\/\/([^/?]*)(.*)$/i.exec(target);
  if (!match) throw new HttpSyntaxError(400, 'target', 'the request target is neither a path nor an http URL (RFC 9112 3.2)');
  const named = match[2]!;
  if (!AUTHORITY.test(named)) throw new HttpSyntaxError(400, 'target', 'the URL of the request names no valid host');
  const standard = match[1]!.toLowerCase() === 'https' ? 443 : 80;
  const routed = authority(named);
  const host = authority(head.host);
  const agrees = head.host === undefined || (host.host === routed.host && (host.port ?? standard) === (routed.port ?? standard));
  if (!agrees) throw new HttpSyntaxError(400, 'host-mismatch', 'Host and the URL of the request name different hosts (RFC 9112 3.2.2)');
  const rest = match[3]!;
  return { path: rest.startsWith('/') ? rest : `/${rest}`, absolute: true, host: routed.host, port: routed.port ?? standard };
}

const AUTHORITY = /^(?:[A-Za-z0-9._~%-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?$/;

function authority(text: string | undefined): { host: string | undefined; port: number | undefined } {
  if (text === undefined) return { host: undefined, port: undefined };
  const colon = text.lastIndexOf(':');
  const hasPort = colon > text.lastIndexOf(']') && colon >= 0;
  const host = (hasPort ? text.slice(0, colon) : text).toLowerCase().replace(/\.$/, '');
  return { host: host.startsWith('[') ? host.slice(1, -1) : host, port: hasPort ? Number(text.slice(colon + 1)) : undefined };
}

export class Router {
  #host: string | undefined;
  #last: Routed | undefined;
  /** Scheme and authority of the last absolute target, with the slash behind them. */
  #prefix = '';

  constructor(private readonly context: HttpContext) {}

  /** Throws HttpSyntaxError. Requests of one connection mostly name the same host: it is taken apart once. */
  route(head: RequestHead): Routed {
    const last = this.#last;
    if (head.target.charCodeAt(0) !== 0x2f) return this.#absolute(head, last);
    if (!last || last.absolute || head.host !== this.#host) {
      this.#host = head.host;
      return (this.#last = routeOf(head));
    }
    return { path: head.target, absolute: false, host: last.host, port: last.port };
  }

  #absolute(head: RequestHead, last: Routed | undefined): Routed {
    const { target } = head;
    if (last?.absolute && head.host === this.#host && target.startsWith(this.#prefix)) {
      return { path: target.slice(this.#prefix.length - 1), absolute: true, host: last.host, port: last.port };
    }
    const routed = routeOf(head);
    if (!routed.absolute || !target.endsWith(routed.path)) return routed;
    this.#prefix = `${target.slice(0, target.length - routed.path.length)}/`;
    this.#host = head.host;
    return (this.#last = routed);
  }

  /** Every name of the declared target is the same target to a policy. */
  leadsHere(route: Routed): boolean {
    const { dialect, host, port, target } = this.context;
    if (dialect.host === 'replaced' && !route.absolute) return true;
    if (route.port !== undefined && route.port !== port) return false;
    return route.host === undefined || same(route.host, host) || target.hosts.some((name) => same(route.host!, name));
  }
}

const same = (asked: string, name: string): boolean => asked === name || asked === name.toLowerCase().replace(/\.$/, '');
