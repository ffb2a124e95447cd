/** wrk(1) on the load's core. */
import { ended, LOAD_CORE, spawnPinned } from './process.js';

export interface WrkTarget {
  /** `http://host:port` that wrk connects to. */
  origin: string;
  /** Request target: a path, or an absolute URL where the server is a forward proxy (RFC 9112 3.2.2). */
  requestTarget: string;
  /** Value of Host. */
  host: string;
}

/** Keep-alive connections, as many requests as the other side takes. Rejects where an answer is not 2xx or a socket fails. */
export async function wrk(
  target: WrkTarget,
  script: string,
  connections: number,
  seconds: number,
): Promise<{ count: number; seconds: number }> {
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
  if ((await ended(child)) !== 0) throw new Error(`wrk failed against ${target.origin}:\n${output}`);
  if (/Non-2xx|Socket errors/.test(output))
    throw new Error(`${target.origin} ${target.requestTarget} did not answer every request:\n${output}`);
  const [, count, amount, unit] = /(\d+) requests in ([\d.]+)(ms|s|m)/.exec(output) ?? [];
  if (!count || Number(count) === 0) throw new Error(`wrk counted nothing:\n${output}`);
  return { count: Number(count), seconds: Number(amount) * ({ ms: 0.001, s: 1, m: 60 }[unit!] ?? 1) };
}

/** Lua that takes request target and Host from behind `--`; without it wrk cannot speak to a forward proxy. */
export const WRK_SCRIPT = `function init(args)
  request_bytes = wrk.format("GET", args[1], { ["Host"] = args[2], ["Accept"] = "application/json" })
end
function request()
  return request_bytes
end
`;
