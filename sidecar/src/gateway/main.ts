/** The gateway: the data path of strict mode, for the sidecars of many pods. Starts, serves, and on SIGTERM drains and seals its stream. */
import { serveAdmin } from '../admin/server.js';
import { gatewayConfig } from '../config/config.js';
import { closeEvidence } from '../config/evidence.js';
import { followRevocations } from '../control/follow.js';
import { followCertificate } from '../hop/certificate.js';
import { drained, sweepPumps } from '../pump/sweep.js';
import { deleteIngested } from '../ship/ingested.js';
import { createGateway } from './context.js';
import { followPolicies } from './policies.js';

const stopping = new AbortController();
const { signal } = stopping;
for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => stopping.abort());

try {
  const context = await createGateway(gatewayConfig(process.env), signal);
  const { config, log, operator, standing, evidence, certificate, server, metrics, bundle, adopt } = context;
  const { stream } = evidence;
  await server.listen(config.listen, certificate.current!);
  const sweeper = sweepPumps();
  const janitor = config.kafka ? undefined : deleteIngested(config.spoolFolder, log);
  const notReady = (): string | undefined => (signal.aborted ? 'the gateway is stopping' : (stream.refusing?.message ?? standing.problem));
  const admin = await serveAdmin(config.admin, { registry: metrics.registry, notReady });
  log.info('gateway ready', { stream: stream.id, policies: bundle.policies.length });
  void followCertificate(certificate, log, signal, (identity) => server.renew(identity));
  void followPolicies(operator, bundle, adopt, log, signal);
  const cut = (): void => {
    for (const arrival of server.arrivals()) arrival.cut();
  };
  void followRevocations(operator, standing, cut, log, signal);
  await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  log.info('gateway draining');
  server.close();
  await drained();
  clearInterval(sweeper);
  clearInterval(janitor);
  await closeEvidence(evidence, operator, 'the gateway was stopped', log);
  admin.close();
  operator.close();
  log.info('gateway stopped');
  process.exit(0);
} catch (error) {
  process.stderr.write(`cairn gateway: ${(error as Error).message}\n`);
  process.exit(signal.aborted ? 0 : 1);
}
