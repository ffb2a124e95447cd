/** Builds the sidecar from its configuration, in the order things depend on each other, and takes it down in reverse. */
import { createLaunchVerifier } from '@cairn/identity';
import { createMetrics, type Metrics } from '../admin/metrics.js';
import { Contexts, type ContextIdentity } from '../attribute/contexts.js';
import { Outbound, type Departure } from '../capture/outbound.js';
import { policyInForce, type PolicyInForce } from '../control/bundles.js';
import { retried } from '../control/follow.js';
import { Launches } from '../control/launches.js';
import { OperatorClient } from '../control/operator-client.js';
import { Standing } from '../control/standing.js';
import { createAuthority, type CertificateAuthority } from '../credentials/authority.js';
import { newSessionToken, sessionTokenCheck, sessionTokenDigest } from '../credentials/agent-folder.js';
import { CredentialFiles } from '../credentials/files.js';
import { HopCertificate } from '../hop/certificate.js';
import { livePumps } from '../pump/pump.js';
import { loadProtocols } from '../protocols/registry.js';
import type { RecorderServices } from '../record/recorder.js';
import type { EvidenceRing } from '../record/ring.js';
import { Relay } from '../relay/relay.js';
import type { SidecarConfig } from './config.js';
import { openEvidence, type Evidence } from './evidence.js';
import { createLog, type Log } from './log.js';

export interface SidecarContext {
  config: SidecarConfig;
  log: Log;
  operator: OperatorClient;
  launches: Launches;
  standing: Standing;
  contexts: Contexts;
  evidence: Evidence;
  recorder: RecorderServices;
  ring: EvidenceRing;
  authority: CertificateAuthority;
  /** Held by the pod's own containers. */
  sessionToken: string;
  outbound: Outbound;
  /** Where connections are handed over in strict mode. */
  relay: Relay;
  hopCertificate: HopCertificate;
  /** Outbound or relay, as the policy in force says. */
  departure: Departure;
  metrics: Metrics;
  inForce: () => PolicyInForce;
  /** Takes a new policy into force, once the protocols and certificates that it needs are there. */
  adopt: (next: PolicyInForce) => Promise<void>;
  own: { launch: ContextIdentity | undefined };
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
  const own = new OwnLaunch();
  const contexts = new Contexts({ serves: config.inboundPorts.length > 0, own: () => own.launch });
  const evidence = await openEvidence(config, config.agent, operator, bundle.auditorKey, log);
  const { stream, shipper, recorder, ring } = evidence;
  const metrics = createMetrics({
    tally: recorder.tally,
    openSessions: () => livePumps.size + relay.size,
    openContexts: () => contexts.size,
    refusing: () => stream.refusing !== undefined,
    unshippedBytes: () => shipper?.lag,
  });
  const authority = await createAuthority(config.agent.pod, hostsOf(current));
  const credentials = new CredentialFiles({ secrets: config.credentialsFolder, serviceAccount: config.serviceAccountFolder }, now);
  const hopCertificate = new HopCertificate(operator);
  let hopPolicy: string | undefined;
  const adopt = async (next: PolicyInForce): Promise<void> => {
    const { targets } = next.policy.spec;
    // What the gateway reads need not be read here.
    if (next.policy.spec.egress === 'Sidecar') await loadProtocols(targets.map(({ protocol }) => protocol));
    else if (next.bundle.policies[0]?.metadata.name !== hopPolicy) {
      // The certificate binds the policy, too.
      await retried('certificate', log, signal, () => hopCertificate.renew());
      hopPolicy = next.bundle.policies[0]?.metadata.name;
    }
    await authority.prepare(hostsOf(next));
    current = next;
  };
  await adopt(current);
  const inForce = (): PolicyInForce => current;
  const pump = {
    turn: recorder.turn,
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
  const relay = new Relay({
    contexts,
    inForce,
    standing,
    recorder,
    authority,
    certificate: hopCertificate,
    own: () => own.launch,
    serves: config.inboundPorts.length > 0,
    sessionToken: sessionTokenDigest(sessionToken),
    apiToken: () => credentials.serviceAccountToken(),
    resolve: pump.resolve,
    log,
  });
  contexts.observer = relay;
  own.changed = () => relay.ownChanged();
  const departing = (): Departure => (inForce().policy.spec.egress === 'Gateway' ? relay : outbound);
  const departure: Departure = {
    open: (connection) => departing().open(connection),
    passes: (host, port) => departing().passes(host, port),
  };
  return {
    config,
    log,
    operator,
    launches,
    standing,
    contexts,
    evidence,
    recorder,
    ring,
    authority,
    sessionToken,
    outbound,
    relay,
    hopCertificate,
    departure,
    metrics,
    inForce,
    adopt,
    own,
  };
}

/** The pod's own launch, once it is known. */
class OwnLaunch {
  #launch: ContextIdentity | undefined;
  changed: () => void = () => undefined;

  get launch(): ContextIdentity | undefined {
    return this.#launch;
  }

  set launch(launch: ContextIdentity | undefined) {
    const before = this.#launch;
    this.#launch = launch;
    if (before?.token !== launch?.token) this.changed();
  }
}

function hostsOf({ policy }: PolicyInForce): string[] {
  return policy.spec.targets.flatMap(({ hosts }) => hosts);
}
