/** The operator's configuration: read from the environment once, at start. */
import type { AuditorPublicKey } from '@cairn/audit';
import { httpsUrl, integer, list, listenAddress, oneOf, optional, text, type Environment, type ListenAddress } from './env.js';
import { auditorKey, sidecarEnvironment, trustedControllers, type ReadFile, type TrustedController } from './files.js';
import { LAUNCH_SECONDS_RANGE } from './limits.js';

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface OperatorConfig {
  /** Where the operator is installed. */
  namespace: string;
  podName: string;
  /** File; absent: the pod's own service account. */
  kubeconfig: string | undefined;
  listen: { service: ListenAddress; admission: ListenAddress; admin: ListenAddress };
  /** Base URL of the token service, as tokens name it. */
  issuer: string;
  sidecar: { image: string; env: Record<string, string> };
  /** Where sidecars find the gateway; undefined: none is installed. */
  gateway: ListenAddress | undefined;
  auditorKey: AuditorPublicKey | undefined;
  adminGroups: string[];
  trustedControllers: TrustedController[];
  launchSeconds: number;
  logLevel: LogLevel;
  webhook: {
    /** Of the Mutating- and the ValidatingWebhookConfiguration. */
    name: string;
    /** Where the API server finds the webhook when no Service leads there. */
    urlBase: string | undefined;
  };
}

function fromFile<T>(
  env: Environment,
  name: string,
  read: ReadFile,
  parse: (name: string, file: string, read: ReadFile) => T,
): T | undefined {
  const file = optional(env, name);
  return file === undefined ? undefined : parse(name, file, read);
}

/** Throws ConfigError. */
export function operatorConfig(env: Environment, read: ReadFile): OperatorConfig {
  const namespace = text(env, 'CAIRN_NAMESPACE');
  return {
    namespace,
    podName: text(env, 'CAIRN_POD_NAME'),
    kubeconfig: optional(env, 'KUBECONFIG'),
    listen: {
      service: listenAddress(env, 'CAIRN_SERVICE_LISTEN', '[::]:8443'),
      admission: listenAddress(env, 'CAIRN_ADMISSION_LISTEN', '[::]:9443'),
      admin: listenAddress(env, 'CAIRN_ADMIN_LISTEN', '[::]:8080'),
    },
    issuer: httpsUrl(env, 'CAIRN_ISSUER', `https://cairn-operator.${namespace}.svc:8443`),
    sidecar: {
      image: text(env, 'CAIRN_SIDECAR_IMAGE'),
      env: fromFile(env, 'CAIRN_SIDECAR_ENV_FILE', read, sidecarEnvironment) ?? {},
    },
    gateway:
      optional(env, 'CAIRN_GATEWAY_ADDRESS') === undefined
        ? undefined
        : listenAddress(env, 'CAIRN_GATEWAY_ADDRESS', `cairn-gateway.${namespace}.svc:8444`),
    auditorKey: fromFile(env, 'CAIRN_AUDITOR_KEY_FILE', read, auditorKey),
    adminGroups: list(env, 'CAIRN_ADMIN_GROUPS'),
    trustedControllers: fromFile(env, 'CAIRN_TRUSTED_CONTROLLERS_FILE', read, trustedControllers) ?? [],
    launchSeconds: integer(env, 'CAIRN_LAUNCH_SECONDS', 900, LAUNCH_SECONDS_RANGE),
    logLevel: oneOf(env, 'CAIRN_LOG_LEVEL', LOG_LEVELS, 'info'),
    webhook: { name: optional(env, 'CAIRN_WEBHOOK_NAME') ?? 'cairn', urlBase: optional(env, 'CAIRN_WEBHOOK_URL_BASE') },
  };
}
