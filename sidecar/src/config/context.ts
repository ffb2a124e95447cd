/** Builds the sidecar from its configuration, in the order things depend on each other, and takes it down in reverse. */
import { createStreamWriter, EventClock, type SpoolStreamWriter, type StreamWriter } from '@cairn/audit';
import { createLaunchVerifier } from '@cairn/identity';
import { createMetrics, type Metrics } from '../admin/metrics.js';
import { Contexts, type ContextIdentity } from '../attribute/contexts.js';
import { Outbound } from '../capture/outbound.js';
import { policyInForce, type PolicyInForce } from '../control/bundles.js';
import { retried } from '../control/follow.js';
import { Launches } from '../control/launches.js';
import { OperatorClient } from '../control/operator-client.js';
import { Standing } from '../control/standing.js';
import { createAuthority, type CertificateAuthority } from '../credentials/authority.js';
import { newSessionToken, sessionTokenCheck } from '../credentials/agent-folder.js';
import { CredentialFiles } from '../credentials/files.js';
import { livePumps } from '../pump/pump.js';
import { Turn } from '../pump/turn.js';
import { loadProtocols } from '../protocols/registry.js';
import type { RecorderServices } from '../record/recorder.js';
import { EvidenceRing } from '../record/ring.js';
import { Tally } from '../record/tally.js';
import { startShipper, type Shipper } from '../ship/shipper.js';
import type { SidecarConfig } from './config.js';
import { createLog, type Log } from './log.js';

export interface SidecarContext {
  config: SidecarConfig;
  log: Log;
  operator: OperatorClient;
  launches: Launches;
  standing: Standing;
  contexts: Contexts;
  recorder: RecorderServices;
  ring: EvidenceRing;
  stream: StreamWriter;
  shipper: Shipper | undefined;
  authority: CertificateAuthority;
  /** Held by the pod's own containers. */
  sessionToken: string;
  outbound: Outbound;
  metrics: Metrics;
  inForce: () => PolicyInForce;
  /** Takes a new policy into force, once the protocols and certificates that it needs are there. */
  adopt: (next: PolicyInForce) => Promise<void>;
  own: { launch: ContextIdentity | undefined };
  /** Resolves when the operator has seen, or refused, every checkpoint so far: a tail nobody witnessed could be cut unseen. */
  witnessed: () => Promise<void>;
}

const now = (): number => performance.now();

export async function createContext(config: SidecarConfig, signal: AbortSignal): Promise<SidecarContext> {
  const log = createLog(config.logLevel, (line) => process.stderr.write(line));
  const operator = new OperatorClient({ ...config.operator, workloadTokenFile: config.workloadTokenFile });
  const bundle = await retried('bundle', log, signal, async () => {
    const served = await operator.bundle(undefined);
    if (!served) throw new Error('the operator served no bundle');
    return served;
  });
  let current = policyInForce(bundle);
  const { issuer, jwksUri } = bundle.tokenService;
  const standing = new Standing();
  const verifier = createLaunchVerifier({ issuer, jwks: operator.serves(jwksUri) ? { load: () => operator.jwks() } : new URL(jwksUri) });
  const launches = new Launches(operator, verifier, standing, Date.now);
  const own: SidecarContext['own'] = { launch: undefined };
  const contexts = new Contexts({ serves: config.inboundPorts.length > 0, own: () => own.launch });
  const clock = new EventClock();
  const shipper = config.kafka && startShipper({ dir: config.spoolFolder, kafka: config.kafka, clientId: `cairn-${config.agent.pod}` });
  const witness = checkpointWitness(operator, log);
  const stream = await openStream(config, operator, bundle.auditorKey, clock, shipper, witness.tell);
  const tally = new Tally();
  const metrics = createMetrics({
    tally,
    openSessions: () => livePumps.size,
    openContexts: () => contexts.size,
    refusing: () => stream.refusing !== undefined,
    unshippedBytes: () => shipper?.lag,
  });
  const turn = new Turn(stream);
  const ring = new EvidenceRing(stream, () => turn.touch());
  const recorder: RecorderServices = { stream, turn, clock, now, agent: config.agent, tally };
  const authority = await createAuthority(config.agent.pod, hostsOf(current));
  const credentials = new CredentialFiles({ secrets: config.credentialsFolder, serviceAccount: config.serviceAccountFolder }, now);
  const adopt = async (next: PolicyInForce): Promise<void> => {
    const { targets } = next.policy.spec;
    await loadProtocols(targets.map(({ protocol }) => protocol));
    await authority.prepare(hostsOf(next));
    current = next;
  };
  await adopt(current);
  const inForce = (): PolicyInForce => current;
  const pump = {
    turn,
    resolve: (host: string, port: number) => config.resolve.get(`${host}:${port}`) ?? { host, port },
    secureContextFor: (name: string | undefined) => authority.secureContextFor(name),
    targetCa: (target: Parameters<CredentialFiles['ca']>[0]) => credentials.ca(target),
    now,
    log: (message: string, fields?: Record<string, unknown>) => log.debug(message, fields),
  };
  const sessionToken = newSessionToken();
  const isSessionToken = sessionTokenCheck(sessionToken);
  const outbound = new Outbound({
    pump,
    recorder,
    ring,
    contexts,
    credentials,
    isSessionToken,
    operator,
    standing,
    holdSeconds: config.holdSeconds,
    refer: config.inboundPorts.length > 0 ? (launch) => stream.refer(launch, Math.floor(Date.now() / 1000)) : undefined,
    inForce,
    log,
  });
  return {
    config,
    log,
    operator,
    launches,
    standing,
    contexts,
    recorder,
    ring,
    stream,
    shipper,
    authority,
    sessionToken,
    outbound,
    metrics,
    inForce,
    adopt,
    own,
    witnessed: witness.told,
  };
}

function hostsOf({ policy }: PolicyInForce): string[] {
  return policy.spec.targets.flatMap(({ hosts }) => hosts);
}

/** Tells the operator of checkpoints, one after another, so that it never sees a smaller one after a larger. */
function checkpointWitness(operator: OperatorClient, log: Log): { tell: (note: string) => void; told: () => Promise<void> } {
  let last = Promise.resolve();
  const tell = (note: string): void => {
    last = last.then(() => operator.witness(note)).catch((error: Error) => log.warn('checkpoint not witnessed', { reason: error.message }));
  };
  return { tell, told: () => last };
}

async function openStream(
  config: SidecarConfig,
  operator: OperatorClient,
  auditorKey: { kid: string; publicKey: string } | undefined,
  clock: EventClock,
  shipper: Shipper | undefined,
  onCheckpoint: (note: string) => void,
): Promise<SpoolStreamWriter> {
  return createStreamWriter({
    dir: config.spoolFolder,
    agent: config.agent,
    certify: (publicKey, stream) => operator.certifyStream(stream, publicKey),
    auditorKey,
    limits: config.spoolLimits,
    clock,
    ...(shipper ? { acknowledged: () => shipper.acknowledged() } : {}),
    onCheckpoint,
  });
}
