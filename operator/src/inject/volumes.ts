/** The volumes of an injected pod. */
import type { Credential, Target } from '@cairn/crds';
import type { Volume } from './kubernetes.js';
import type { Plan } from './containers.js';
import { AGENT_FOLDER_SIZE, SPOOL_SIZE, WORKLOAD_TOKEN_SECONDS } from './limits.js';
import {
  AGENT_VOLUME,
  API_TOKEN_VOLUME,
  CLUSTER_CA_CONFIG_MAP,
  credentialVolume,
  OPERATOR_CA_VOLUME,
  SPOOL_VOLUME,
  TOKEN_VOLUME,
  WORKLOAD_AUDIENCE,
} from './names.js';

function credentialSecret(credential: Credential): string | undefined {
  if ('secret' in credential) return credential.secret;
  if ('bearerSecret' in credential) return credential.bearerSecret.name;
  if ('clientCertificateSecret' in credential) return credential.clientCertificateSecret;
  return undefined;
}

/** Secrets that the sidecar needs for these targets, each once, in order of first use. */
export function secretsOf(targets: readonly Target[]): string[] {
  const names = targets.flatMap(({ credential, tls }) => [credential ? credentialSecret(credential) : undefined, tls.caSecret?.name]);
  return [...new Set(names.filter((name) => name !== undefined))];
}

/** Whether a target is reached as the pod's service account. */
export function presentsServiceAccount(targets: readonly Target[]): boolean {
  return targets.some(({ credential }) => credential !== undefined && 'serviceAccount' in credential);
}

/** A token for the API server itself (no audience), bound to the pod, which kubelet renews; and what to verify that server by. */
function apiTokenVolume(): Volume {
  const token = { expirationSeconds: WORKLOAD_TOKEN_SECONDS, path: 'token' };
  const ca = { name: CLUSTER_CA_CONFIG_MAP, items: [{ key: 'ca.crt', path: 'ca.crt' }] };
  return { name: API_TOKEN_VOLUME, projected: { sources: [{ serviceAccountToken: token }, { configMap: ca }] } };
}

export function sidecarVolumes(plan: Plan): Volume[] {
  const token = { audience: WORKLOAD_AUDIENCE, expirationSeconds: WORKLOAD_TOKEN_SECONDS, path: 'token' };
  const { operatorCa } = plan.settings;
  return [
    { name: AGENT_VOLUME, emptyDir: { medium: 'Memory', sizeLimit: AGENT_FOLDER_SIZE } },
    { name: SPOOL_VOLUME, emptyDir: { sizeLimit: SPOOL_SIZE } },
    { name: TOKEN_VOLUME, projected: { sources: [{ serviceAccountToken: token }] } },
    ...(presentsServiceAccount(plan.targets) ? [apiTokenVolume()] : []),
    ...(operatorCa ? [{ name: OPERATOR_CA_VOLUME, configMap: { name: operatorCa.configMap } }] : []),
    ...plan.mounted.map((secretName, index) => ({ name: credentialVolume(index), secret: { secretName } })),
  ];
}
