/** wrk(1) on the load's core. */
import { once } from 'node:events';
import { LOAD_CORE, spawnPinned } from './process.js';

export interface WrkTarget {
  /** `http://host:port` that wrk connects to. */
  origin: string;
  /** Request target: a path, or an absolute URL where the server is a forward proxy (RFC 9112 3.2.2). */
  requestTarget: string;
  /** Value of Host. */
  host: string;
}

export interface Load {
  /** Requests that were answered whole. */
  count: number;
  seconds: number;
  /** Of answers, those cut off by the end of the window included. */
  bytes: number;
}

const UNITS: Record<string, number> = { ms: 0.001, s: 1, m: 60, B: 1, KB: 2 ** 10, MB: 2 ** 20, GB: 2 ** 30 };

/** Keep-alive connections, as many requests as the other side takes. Rejects where an answer is not 2xx or a socket fails. */
export async function wrk(target: WrkTarget, script: string, connections: number, seconds: number): Promise<Load> {
  const args = [
    '-t1',
    `-c${connections}`,
    `-d${seconds}s`,
    '--timeout',
    '10s',
    '-s',
    script,
    target.origin,
    '--',
    target.requestTarget,
    target.host,
  ];
  const child = spawnPinned(LOAD_CORE, 'wrk', args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout!.setEncoding('utf8').on('data', (text: string) => (output += text));
  // Its output may end after it did.
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`wrk failed against ${target.origin}:\n${output}`);
  if (/Non-2xx|Socket errors/.test(output))
    throw new Error(`${target.origin} ${target.requestTarget} did not answer every request:\n${output}`);
  const found = /(\d+) requests in ([\d.]+)(ms|s|m), ([\d.]+)([KMG]?B) read/.exec(output);
  if (!found || Number(found[4]) === 0) throw new Error(`wrk read nothing:\n${output}`);
  return { count: Number(found[1]), seconds: Number(found[2]) * UNITS[found[3]!]!, bytes: Number(found[4]) * UNITS[found[5]!]! };
}

/** Lua that takes request target and Host from behind `--`; without it wrk cannot speak to a forward proxy. */
export const WRK_SCRIPT = `function init(args)
  request_bytes = wrk.format("GET", args[1], { ["Host"] = args[2], ["Accept"] = "application/json" })
end
function request()
  return request_bytes
end
`;

/** The same, on a connection of its own each time. */
export const WRK_CLOSE_SCRIPT = WRK_SCRIPT.replace('["Accept"]', '["Connection"] = "close", ["Accept"]');
