/** Agents' sidecars without a gateway and with one of one, two and four replicas, over the same web server. */
import { cpus } from 'node:os';
import { join } from 'node:path';
import { freePorts, GATEWAY, startControlPlane, startGateway, type ControlPlane, type Gateway, type Sidecar } from '@cairn/e2e';
import { startUpstream } from '../http/nginx.js';
import { smallAnswer } from '../http/policies.js';
import { endProcess, LOAD_CORE, PROXY_CORE } from '../measure/process.js';
import { progress } from '../measure/progress.js';
import { SPOOL_ENV, startPinnedSidecar } from '../measure/sidecar.js';
import type { WrkTarget } from '../measure/wrk.js';

/** Pods are what spreads over replicas: each is at one of them. */
export const AGENTS = 4;
export const REPLICAS = [1, 2, 4] as const;
export const ANSWER_BYTES = 720;
/** Of the web server, which has an answer that is not measured here, too. */
const LARGE_BYTES = 1_000;
const HOST = 'bench.internal';
const PORT = 8080;

/** The same but for who dials. */
const policy = (egress: 'Sidecar' | 'Gateway'): string => `apiVersion: cairn.dev/v1alpha1
kind: AuditPolicy
metadata: {name: bench-${egress.toLowerCase()}, namespace: research}
spec:
  selector: {matchLabels: {bench: ${egress}}}
  egress: ${egress}
  identity: {required: false}
  targets:
  - {name: bench, protocol: http, hosts: [${HOST}], port: ${PORT}}
  rules:
  - {name: all, match: {targets: [bench]}, action: Allow, level: RequestResponse}
`;

export interface GatewayPart {
  name: string;
  /** Gateways that agents hand over to; 0: none. */
  replicas: number;
  sidecars: readonly number[];
  gateways: readonly number[];
  /** One an agent. */
  targets: readonly WrkTarget[];
}

export interface GatewayParts {
  all: GatewayPart[];
  stop(): Promise<void>;
}

/** Processes of this benchmark: each is ended with this one, by a listener. */
const PROCESSES = 64;

export async function startGatewayParts(folder: string): Promise<GatewayParts> {
  process.setMaxListeners(PROCESSES);
  progress('starting the web server, gateways and sidecars');
  const stops: (() => Promise<void>)[] = [];
  const stop = async (): Promise<void> => {
    for (const each of stops.toReversed()) await each();
  };
  try {
    const [port] = (await freePorts(1)) as [number];
    const upstream = await startUpstream(LOAD_CORE, join(folder, 'upstream'), port, smallAnswer(ANSWER_BYTES), LARGE_BYTES);
    stops.push(() => endProcess(upstream.process));
    const plane = await startControlPlane([policy('Sidecar'), policy('Gateway')].join('---\n'));
    stops.push(() => plane.stop());
    const resolve = { [`${HOST}:${PORT}`]: `127.0.0.1:${port}` };
    const gateways: Gateway[] = [];
    for (let index = 0; index < Math.max(...REPLICAS); index++) {
      const gateway = await startPinnedGateway(plane, index, resolve);
      stops.push(() => gateway.stop());
      gateways.push(gateway);
    }
    const all = [await startAgents(plane, [], resolve, stops)];
    for (const replicas of REPLICAS) all.push(await startAgents(plane, gateways.slice(0, replicas), resolve, stops));
    return { all, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Each on a core of its own where there are enough; what makes the load has one for itself. */
function startPinnedGateway(plane: ControlPlane, index: number, resolve: Record<string, string>): Promise<Gateway> {
  const core = PROXY_CORE + (index % (cpus().length - 1));
  return startGateway({ plane, name: `cairn-gateway-${index}`, resolve, env: SPOOL_ENV, prefix: ['taskset', '-c', String(core)] });
}

/** As a Service with sessionAffinity does it, each agent is at one replica. */
async function startAgents(
  plane: ControlPlane,
  gateways: readonly Gateway[],
  resolve: Record<string, string>,
  stops: (() => Promise<void>)[],
): Promise<GatewayPart> {
  const sidecars: Sidecar[] = [];
  // One after another: all of them start on one core.
  for (let index = 0; index < AGENTS; index++) {
    const gateway = gateways[index % gateways.length];
    const ways = gateway ? { [`${GATEWAY.host}:${GATEWAY.port}`]: `127.0.0.1:${gateway.port}` } : resolve;
    const labels = { bench: gateway ? 'Gateway' : 'Sidecar' };
    const agent = `bench-${gateways.length}-${index}`;
    const sidecar = await startPinnedSidecar({ plane, agent, labels, targets: ['bench'], resolve: ways });
    stops.push(() => sidecar.stop());
    sidecars.push(sidecar);
  }
  const targets = sidecars.map((sidecar) => {
    return { origin: `http://127.0.0.1:${sidecar.targetPort('bench')}`, requestTarget: '/small', host: `${HOST}:${PORT}` };
  });
  const name = gateways.length === 0 ? 'without gateway' : `gateway, ${gateways.length} replica${gateways.length === 1 ? '' : 's'}`;
  return { name, replicas: gateways.length, sidecars: sidecars.map(({ pid }) => pid), gateways: gateways.map(({ pid }) => pid), targets };
}
