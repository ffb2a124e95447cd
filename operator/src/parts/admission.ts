/** The admission webhook, on every replica. */
import { createAdmissionServer, type AdmissionEvent } from '../admission/index.js';
import { createLaunchers } from '../agents/index.js';
import type { OperatorConfig } from '../config/index.js';
import type { OperatorContext } from '../context.js';
import { DEFAULT_SETTINGS, type InjectSettings } from '../inject/index.js';
import type { Part } from './part.js';

function settings({ issuer, sidecar }: OperatorConfig): InjectSettings {
  const operatorCa = { configMap: 'cairn-ca', key: 'ca.crt' };
  return { ...DEFAULT_SETTINGS, image: sidecar.image, operatorUrl: issuer, operatorCa, env: sidecar.env };
}

function record({ events }: OperatorContext, { type, reason, message, regarding }: AdmissionEvent): void {
  const { apiVersion, kind, ...metadata } = regarding;
  const [group, version] = apiVersion.includes('/') ? (apiVersion.split('/') as [string, string]) : ['', apiVersion];
  const resource = { group, version, plural: kind.toLowerCase(), kind, namespaced: true };
  events.record({ resource, metadata }, { type, reason, action: 'Admit', note: message });
}

/** As /version says it; cloud providers add a `+` to the minor one. */
async function versionOf({ client }: OperatorContext): Promise<{ major: number; minor: number }> {
  const { major, minor } = await client.request<{ major: string; minor: string }>({ method: 'GET', path: '/version' });
  return { major: Number.parseInt(major, 10), minor: Number.parseInt(minor, 10) };
}

export const webhook: Part = async (context) => {
  const { caches, config, log, metrics, policies, serving, state } = context;
  const version = await versionOf(context);
  const injected = settings(config);
  const server = createAdmissionServer({
    cluster: {
      ...createLaunchers(caches.pods, state.launches),
      policies: (namespace) => policies.inNamespace(namespace),
      namespaceLabels(name) {
        const namespace = caches.namespaces.store.get({ name });
        return namespace && (namespace.metadata.labels ?? {});
      },
      version: () => version,
    },
    settings: () => injected,
    keys: state.keys(),
    issuer: config.issuer,
    trusted: config.trustedControllers,
    event: (event) => record(context, event),
    log,
    registry: metrics.registry,
  });
  await server.listen({ ...config.listen.admission, tls: serving.current() });
  serving.follow((pair) => server.renewCertificate(pair));
  return () => server.close();
};
