/** Everything that the HTTP benchmark compares, started side by side. */
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { accepts, freePorts, startControlPlane } from '@cairn/e2e';
import { endProcess, LOAD_CORE, PROXY_CORE, spawnPinned } from '../measure/process.js';
import { startPinnedSidecar } from '../measure/sidecar.js';
import { progress } from '../measure/progress.js';
import type { WrkTarget } from '../measure/wrk.js';
import { mitmproxyFolder, startMitmproxy } from './mitmproxy.js';
import { startNginxProxy, startUpstream } from './nginx.js';
import { BENCH_HOST, BENCH_PORT, benchPolicies, smallAnswer, type Mode } from './policies.js';

const SMALL_BYTES = 720;
export const LARGE_BYTES = 7_000_000;
const HTTP_PROXY = fileURLToPath(new URL('./http-proxy/main.js', import.meta.url));

export interface HttpPart {
  name: string;
  /** undefined: no proxy in between. */
  pid: number | undefined;
  /** Whether its latency at a fixed rate is measured. */
  timed: boolean;
  target(answer: 'small' | 'large'): WrkTarget;
}

export interface HttpParts {
  all: HttpPart[];
  /** Sentences on peers that are not here. */
  missing: string[];
  stop(): Promise<void>;
}

const NAMES: Record<Mode, string> = { metadata: 'Cairn, metadata', full: 'Cairn, full bodies', masked: 'Cairn, bodies and masking' };

export async function startHttpParts(folder: string, options: { mitmproxy: boolean }): Promise<HttpParts> {
  progress('starting upstream and peers');
  const [upstreamPort, nginxPort, httpProxyPort, mitmPort] = (await freePorts(4)) as [number, number, number, number];
  const upstream = await startUpstream(LOAD_CORE, join(folder, 'upstream'), upstreamPort, smallAnswer(SMALL_BYTES), LARGE_BYTES);
  const nginx = await startNginxProxy(PROXY_CORE, join(folder, 'nginx'), nginxPort, upstreamPort);
  const httpProxy = spawnPinned(PROXY_CORE, process.execPath, [HTTP_PROXY, String(httpProxyPort), String(upstreamPort)], {
    stdio: 'inherit',
  });
  const mitmFolder = options.mitmproxy ? await mitmproxyFolder() : undefined;
  const mitm = mitmFolder === undefined ? undefined : startMitmproxy(PROXY_CORE, mitmFolder, mitmPort, upstreamPort);
  for (const port of [httpProxyPort, ...(mitm ? [mitmPort] : [])]) while (!(await accepts(port))) await delay(20);
  progress('starting sidecars');
  const cairn = await startCairn(upstreamPort);
  const reverse = (name: string, pid: number | undefined, port: number, timed: boolean): HttpPart => ({
    name,
    pid,
    timed,
    target: (answer) => ({ origin: `http://127.0.0.1:${port}`, requestTarget: `/${answer}`, host: BENCH_HOST }),
  });
  return {
    all: [
      reverse('direct', undefined, upstreamPort, true),
      reverse('nginx + JSON log', nginx.process.pid, nginxPort, true),
      ...cairn.parts,
      reverse('http-proxy', httpProxy.pid, httpProxyPort, false),
      ...(mitm ? [reverse('mitmproxy', mitm.pid, mitmPort, false)] : []),
    ],
    missing: options.mitmproxy && !mitm ? ['mitmproxy could not be installed here, so it has no row.'] : [],
    async stop() {
      await cairn.stop();
      for (const child of [nginx.process, httpProxy, ...(mitm ? [mitm] : []), upstream.process]) await endProcess(child);
    },
  };
}

async function startCairn(upstream: number): Promise<{ parts: HttpPart[]; stop(): Promise<void> }> {
  const plane = await startControlPlane(benchPolicies(LARGE_BYTES * 2));
  const resolve = { [`${BENCH_HOST}:${BENCH_PORT}`]: `127.0.0.1:${upstream}` };
  const modes = ['metadata', 'full', 'masked'] as const;
  const sidecars = await Promise.all(
    modes.map((mode) => startPinnedSidecar({ plane, agent: `bench-${mode}`, labels: { bench: mode }, targets: ['bench'], resolve })),
  );
  return {
    parts: modes.map((mode, index) => {
      const sidecar = sidecars[index]!;
      // As a redirected connection arrives, which is how agents are captured by default: the request names a path.
      const origin = `http://127.0.0.1:${sidecar.targetPort('bench')}`;
      const target = (answer: string): WrkTarget => ({ origin, requestTarget: `/${answer}`, host: `${BENCH_HOST}:${BENCH_PORT}` });
      return { name: NAMES[mode], pid: sidecar.pid, timed: mode === 'full', target };
    }),
    async stop() {
      for (const sidecar of sidecars) await sidecar.stop();
      await plane.stop();
    },
  };
}
