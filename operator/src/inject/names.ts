/** Names and paths that injection renders and, on the next pass, takes out again. */

/** Set on every injected pod template: NetworkPolicies and admission policies select agents by it. */
export const AGENT_LABEL = 'cairn.dev/agent';
export const CAPTURE_CONTAINER = 'cairn-capture';
export const SIDECAR_CONTAINER = 'cairn-sidecar';

export const AGENT_VOLUME = 'cairn-agent';
export const SPOOL_VOLUME = 'cairn-spool';
export const TOKEN_VOLUME = 'cairn-token';
export const OPERATOR_CA_VOLUME = 'cairn-operator-ca';
export const API_TOKEN_VOLUME = 'cairn-api-token';
/** Volume of the nth credential Secret: a Secret's name may be longer than a volume's. */
export const credentialVolume = (index: number): string => `cairn-credential-${index}`;
const OUR_VOLUMES = new RegExp(
  `^(${AGENT_VOLUME}|${SPOOL_VOLUME}|${TOKEN_VOLUME}|${OPERATOR_CA_VOLUME}|${API_TOKEN_VOLUME}|cairn-credential-[0-9]+)$`,
);
/** Whether injection renders a volume of this name. */
export const isOurVolume = (name: string): boolean => OUR_VOLUMES.test(name);
/** Volumes that the ServiceAccount admission plugin adds before webhooks are called. */
export const isServiceAccountVolume = (name: string): boolean => name.startsWith('kube-api-access-');

export const ROOT = '/var/run/secrets/cairn.dev';
export const AGENT_DIR = `${ROOT}/agent`;
export const CREDENTIALS_DIR = `${ROOT}/credentials`;
export const TOKEN_DIR = `${ROOT}/workload`;
export const OPERATOR_CA_DIR = `${ROOT}/operator`;
/** The sidecar's own token of the pod's service account, for the API server, and its CA. */
export const API_TOKEN_DIR = `${ROOT}/service-account`;
export const SPOOL_DIR = '/var/spool/cairn';

/** Where Kubernetes mounts the service account's token; agents find the sidecar's folder there. */
export const SERVICE_ACCOUNT_DIR = '/var/run/secrets/kubernetes.io/serviceaccount';
/** ConfigMap with the CA of the API server, which kube-controller-manager keeps in every namespace. */
export const CLUSTER_CA_CONFIG_MAP = 'kube-root-ca.crt';
export const WORKLOAD_AUDIENCE = 'cairn.dev';
/** Container and volume names that users may not take. */
export const OURS_BY_NAME = /^cairn-/;
/** What an agent's name must be to stand in a label, and in the trail. */
export const AGENT_NAME = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

/** UIDs that sidecars' are drawn from, beyond those that OpenShift hands out; agents may name none of them. */
export const SIDECAR_UIDS = { first: 2_000_000_000, count: 100_000_000 } as const;
export const isSidecarUid = (uid: number): boolean => uid >= SIDECAR_UIDS.first && uid < SIDECAR_UIDS.first + SIDECAR_UIDS.count;
