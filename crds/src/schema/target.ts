/** Schema of `spec.targets[]`: where agents may go and how they get in. */
import { MAX_CAPTURE_BYTES, MAX_CAPTURE_ROWS, MAX_FIELDS, MAX_HOSTS, MAX_NAME_CHARS } from '../limits.js';
import { KUBERNETES_HOSTS, KUBERNETES_PORT } from './kubernetes.js';
import type { ForwardedHeader, Protocol, Target } from '../types.js';
import { formatted } from './formats.js';
import { listOf, object, oneOf, text, whole, type FieldsOf, type Schema } from './structural.js';

type CredentialField = 'secret' | 'bearerSecret' | 'clientCertificateSecret' | 'serviceAccount';

function secretKey(description: string): Schema {
  const properties = { name: formatted('Name of the Secret.', 'subdomain'), key: formatted('Key in the Secret.', 'secretKey') };
  return object(description, properties, { required: ['name', 'key'] });
}

const credential = object(
  'What the target is given instead of what the agent has: exactly one of the fields. Secrets are read from the namespace of the policy; agents never see them.',
  {
    secret: formatted('Name of a Secret with the keys `username` and `password`.', 'subdomain'),
    bearerSecret: secretKey('A bearer token for http and kubernetes targets.'),
    clientCertificateSecret: formatted(
      'Name of a Secret with the keys `tls.crt` and `tls.key`; for databases also `username`.',
      'subdomain',
    ),
    serviceAccount: formatted(
      "Name of the agents' ServiceAccount: each sidecar presents its own token of it, bound to its pod, so that the API server itself knows the pod. For kubernetes targets.",
      'subdomain',
    ),
  } satisfies Record<CredentialField, Schema>,
  {
    'x-kubernetes-validations': [
      {
        rule: '[has(self.secret), has(self.bearerSecret), has(self.clientCertificateSecret), has(self.serviceAccount)].filter(x, x).size() == 1',
        message: 'name exactly one of secret, bearerSecret, clientCertificateSecret and serviceAccount',
      },
    ],
  },
);

const tls = object(
  'TLS towards the target.',
  {
    mode: oneOf<Target['tls']['mode']>(
      'Left out, it is Require for kubernetes and for http on port 443, Disable for http on other ports and Prefer for postgres.',
      { Disable: 'never', Prefer: 'when the server offers it', Require: 'always, and the certificate is verified' },
    ),
    serverName: formatted('Name to verify and to send as SNI instead of the host.', 'host'),
    caSecret: secretKey('PEM certificates to trust instead of the public roots.'),
  } satisfies FieldsOf<Target['tls']>,
  {
    default: {},
    'x-kubernetes-validations': [
      {
        rule: "!has(self.mode) || self.mode != 'Disable' || (!has(self.serverName) && !has(self.caSecret))",
        message: 'serverName and caSecret have no meaning with mode Disable; remove them or set mode Require',
      },
    ],
  },
);

const capture = object(
  'How much of a result is kept in the record; beyond it rows and bytes are counted and hashed.',
  {
    maxRows: whole('Rows of one result.', 0, MAX_CAPTURE_ROWS, 1000),
    maxBytes: whole('Bytes of one body or result.', 0, MAX_CAPTURE_BYTES, 1_048_576),
  } satisfies FieldsOf<Target['capture']>,
  { default: {} },
);

const functions = object(
  'Functions of a database whose effect is known.',
  {
    read: listOf(
      'Functions that only read. Every function that is neither declared nor built in counts as write.',
      text('A function as statements call it.', { maxLength: MAX_NAME_CHARS }),
      { max: MAX_FIELDS, initial: [] },
    ),
  } satisfies FieldsOf<Target['functions']>,
  { default: {} },
);

export const target = object(
  'One destination.',
  {
    name: formatted('The name that rules and searches use.', 'label'),
    protocol: oneOf<Protocol>('How the sidecar reads the traffic.', {
      http: 'HTTP/1.1, in the clear or in TLS',
      postgres: 'the PostgreSQL protocol 3',
      kubernetes: 'the Kubernetes API over HTTP/1.1',
    }),
    hosts: listOf(
      `DNS names or IP addresses under which agents reach it, every form that they use. Left out for kubernetes: ${KUBERNETES_HOSTS.join(', ')}.`,
      formatted('One host.', 'host'),
      { min: 1, max: MAX_HOSTS },
    ),
    port: whole(`TCP port. Left out for kubernetes: ${KUBERNETES_PORT}.`, 1, 65_535),
    tls,
    credential,
    forward: listOf(
      "Identity headers that the sidecar adds; an agent's own are always stripped.",
      oneOf<ForwardedHeader>('One header.', { 'Txn-Token': 'the chain token', Baggage: 'W3C baggage with the root and the chain' }),
      { max: 2, initial: [] },
    ),
    capture,
    functions,
    secretData: oneOf<NonNullable<Target['secretData']>>(
      'Whether the values of Secrets reach the agent, for kubernetes targets. Left out, it is Mask.',
      { Mask: 'every value is replaced on the way to the agent and stays whole under seal', Pass: 'they pass' },
    ),
  } satisfies FieldsOf<Target>,
  {
    required: ['name', 'protocol'],
    'x-kubernetes-validations': [
      {
        rule: "self.protocol == 'kubernetes' || (has(self.hosts) && size(self.hosts) > 0 && has(self.port) && self.port > 0)",
        message: 'name hosts and port; only kubernetes targets have both by default',
      },
      {
        rule: "self.protocol != 'postgres' || !has(self.credential) || !has(self.credential.bearerSecret)",
        message: 'bearerSecret is for http and kubernetes targets; give a database secret or clientCertificateSecret',
      },
      {
        rule: "self.protocol == 'kubernetes' || !has(self.credential) || !has(self.credential.serviceAccount)",
        message: 'serviceAccount is for kubernetes targets; give secret, bearerSecret or clientCertificateSecret',
      },
      {
        rule: "self.protocol != 'kubernetes' || !has(self.credential) || !has(self.credential.secret)",
        message: 'an API server takes no password; give kubernetes targets serviceAccount, bearerSecret or clientCertificateSecret',
      },
      {
        rule: "self.protocol != 'kubernetes' || !has(self.tls) || !has(self.tls.mode) || self.tls.mode == 'Require'",
        message: 'a token is never sent in the clear; kubernetes targets have tls.mode Require',
      },
      {
        rule: "self.protocol == 'kubernetes' || !has(self.secretData)",
        message: 'secretData is for kubernetes targets; mask fields in a rule instead',
      },
      {
        rule: "self.protocol == 'http' || size(self.forward) == 0",
        message: 'forward is for http targets; a database is tagged by its application name, the Kubernetes API by Audit-ID',
      },
      {
        rule: "self.protocol == 'postgres' || size(self.functions.read) == 0",
        message: 'functions are for postgres targets; remove them',
      },
    ],
  },
);
