/** The sidecar: starts, serves, and on SIGTERM drains and seals its stream. */
import { serveAdmin } from './admin/server.js';
import { startListeners, startWatch } from './capture/start.js';
import { sidecarConfig } from './config/config.js';
import { createContext } from './config/context.js';
import { closeEvidence } from './config/evidence.js';
import { followBundle } from './control/bundles.js';
import { followRevocations, retried } from './control/follow.js';
import { renewTokens } from './control/renewal.js';
import { writeAgentFolder } from './credentials/agent-folder.js';
import { followCertificate } from './hop/certificate.js';
import { drained, sweepPumps } from './pump/sweep.js';
import { deleteIngested } from './ship/ingested.js';

const stopping = new AbortController();
const { signal } = stopping;
for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => stopping.abort());

try {
  const context = await createContext(sidecarConfig(process.env), signal);
  const { config, log, operator, launches, standing, own, evidence, inForce, adopt, metrics } = context;
  const { stream } = evidence;
  const { grant } = config;
  if (grant !== undefined) own.launch = await retried('launch', log, signal, () => launches.of(grant, 'grant'));
  writeAgentFolder(config.agentFolder, context.authority.certificate, config.agent.namespace, context.sessionToken);
  const listeners = await startListeners(context);
  startWatch(context, signal);
  const sweeper = sweepPumps();
  const janitor = config.kafka ? undefined : deleteIngested(config.spoolFolder, log);
  const notReady = (): string | undefined => stream.refusing?.message ?? standing.problem;
  const admin = await serveAdmin(config.admin, { registry: metrics.registry, notReady, drain: () => stopping.abort() });
  log.info('sidecar ready', { stream: stream.id, capture: config.capture, policy: inForce().policy.name });
  void renewTokens({ launches, contexts: context.contexts, grant, own, log }, signal);
  void followBundle(operator, inForce(), adopt, log, signal);
  const cut = (): void => {
    context.outbound.cut();
    context.relay.cut();
    context.contexts.cut((identity) => standing.refusal(identity));
  };
  void followCertificate(context.hopCertificate, log, signal);
  void followRevocations(operator, standing, cut, log, signal);

  await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  log.info('sidecar draining');
  listeners.close();
  await drained(() => context.relay.size);
  context.relay.end('the sidecar is stopping');
  clearInterval(sweeper);
  clearInterval(janitor);
  await closeEvidence(evidence, operator, 'the sidecar was stopped', log);
  admin.close();
  operator.close();
  log.info('sidecar stopped');
  process.exit(0);
} catch (error) {
  process.stderr.write(`cairn sidecar: ${(error as Error).message}\n`);
  process.exit(signal.aborted ? 0 : 1);
}
