/** Names and paths that injection renders and, on the next pass, takes out again. */

export const PREFIX = 'cairn-';
export const CAPTURE_CONTAINER = 'cairn-capture';
export const SIDECAR_CONTAINER = 'cairn-sidecar';

export const AGENT_VOLUME = 'cairn-agent';
export const SPOOL_VOLUME = 'cairn-spool';
export const TOKEN_VOLUME = 'cairn-token';
export const OPERATOR_CA_VOLUME = 'cairn-operator-ca';
/** Volume of the nth credential Secret: a Secret's name may be longer than a volume's. */
export const credentialVolume = (index: number): string => `cairn-credential-${index}`;

const ROOT = '/var/run/secrets/cairn.dev';
export const AGENT_DIR = `${ROOT}/agent`;
export const CREDENTIALS_DIR = `${ROOT}/credentials`;
export const TOKEN_DIR = `${ROOT}/workload`;
export const OPERATOR_CA_DIR = `${ROOT}/operator`;
export const SPOOL_DIR = '/var/spool/cairn';

/** Where Kubernetes mounts the service account's token; agents get none of it. */
export const SERVICE_ACCOUNT_DIR = '/var/run/secrets/kubernetes.io/serviceaccount';
export const WORKLOAD_AUDIENCE = 'cairn.dev';
/** Container and volume names that users may not take. */
export const OURS_BY_NAME = /^cairn-/;
