/** Builds the gateway from its configuration. */
import type { Bundle } from '@cairn/crds';
import { createLaunchVerifier, type PodBinding } from '@cairn/identity';
import { createMetrics, type Metrics } from '../admin/metrics.js';
import type { GatewayConfig } from '../config/config.js';
import { openEvidence, type Evidence } from '../config/evidence.js';
import { createLog, type Log } from '../config/log.js';
import type { PolicyInForce } from '../control/bundles.js';
import { retried } from '../control/follow.js';
import { OperatorClient } from '../control/operator-client.js';
import { Standing } from '../control/standing.js';
import { HopCertificate } from '../hop/certificate.js';
import type { Duplex } from 'node:stream';
import { livePumps } from '../pump/pump.js';
import type { HopAsked, HopRefusal } from './admit.js';
import { Arrival } from './arrival.js';
import { GatewayCredentials } from './credentials.js';
import { GatewayPolicies } from './policies.js';
import { GatewayServer } from './server.js';

export interface GatewayContext {
  config: GatewayConfig;
  log: Log;
  operator: OperatorClient;
  standing: Standing;
  evidence: Evidence;
  certificate: HopCertificate;
  server: GatewayServer;
  metrics: Metrics;
  /** As the gateway started with it. */
  bundle: Bundle;
  adopt: (bundle: Bundle) => Promise<void>;
}

const now = (): number => performance.now();

export async function createGateway(config: GatewayConfig, signal: AbortSignal): Promise<GatewayContext> {
  const log = createLog(config.logLevel, (line) => process.stderr.write(line));
  const operator = new OperatorClient({ ...config.operator, workloadTokenFile: config.workloadTokenFile });
  const bundle = await retried('bundle', log, signal, async () => {
    const served = await operator.bundle(undefined);
    if (!served) throw new Error('the operator served no bundle');
    return served;
  });
  const certificate = new HopCertificate(operator);
  await retried('certificate', log, signal, () => certificate.renew());
  const evidence = await openEvidence(config, config.agent, operator, bundle.auditorKey, log);
  const { recorder, ring, stream, shipper } = evidence;
  const standing = new Standing();
  const policies = new GatewayPolicies();
  const { issuer, jwksUri } = bundle.tokenService;
  const verifier = createLaunchVerifier({ issuer, jwks: operator.serves(jwksUri) ? { load: () => operator.jwks() } : new URL(jwksUri) });
  const credentials = new GatewayCredentials({ secrets: config.credentialsFolder, serviceAccount: config.serviceAccountFolder }, now);
  const shared = {
    verifier,
    standing,
    clock: Date.now,
    log,
    operator,
    outbound: { recorder, ring, standing, holdSeconds: config.holdSeconds, log },
  };
  const pump = {
    turn: recorder.turn,
    resolve: (host: string, port: number) => config.resolve.get(`${host}:${port}`) ?? { host, port },
    now,
    log: (message: string, fields?: Record<string, unknown>) => log.debug(message, fields),
  };
  const arrive = (asked: HopAsked, socket: Duplex, head: Buffer, closed: () => void): Arrival | HopRefusal => {
    const { pod, policy } = asked.binding;
    if (!policies.find(pod.namespace, policy)) return { status: 503, detail: unknownPolicy(asked.binding) };
    const files = credentials.of(pod.namespace);
    const services = { ...shared, credentials: files, pump: { ...pump, targetCa: files.ca.bind(files) } };
    return new Arrival(services, { ...asked, inForce: following(policies, asked.binding) }, { socket, head }, closed);
  };
  const server = new GatewayServer({ refusing: () => stream.refusing?.message ?? standing.problem, arrive, log });
  const adopt = async (next: Bundle): Promise<void> => {
    await policies.adopt(next, (policy, error) =>
      log.error('policy refused, the last good one stays in force', { policy, reason: error.message }),
    );
    for (const arrival of server.arrivals()) {
      const { namespace, name } = arrival.policy;
      if (!policies.find(namespace, name)) arrival.cutAll(`policy ${namespace}/${name} has no egress by the gateway any more`);
    }
  };
  await adopt(bundle);
  const metrics = createMetrics({
    tally: recorder.tally,
    openSessions: () => livePumps.size,
    openContexts: () => 0,
    refusing: () => stream.refusing !== undefined,
    unshippedBytes: () => shipper?.lag,
  });
  return { config, log, operator, standing, evidence, certificate, server, metrics, bundle, adopt };
}

function unknownPolicy({ pod, policy }: PodBinding): string {
  return `policy ${pod.namespace}/${policy} is not known here with egress Gateway; where it is new, try again`;
}

/** The policy as it is now; one that is gone stays as it was until its sessions are cut. */
function following(policies: GatewayPolicies, { pod, policy }: PodBinding): () => PolicyInForce {
  let last = policies.find(pod.namespace, policy)!;
  return () => (last = policies.find(pod.namespace, policy) ?? last);
}
