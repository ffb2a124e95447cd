/** Types of the API group cairn.dev/v1alpha1, as users write them and with every default filled in. */
import type { Effect } from './operation.js';

export const API_GROUP = 'cairn.dev';
export const API_VERSION = 'cairn.dev/v1alpha1';

export const PROTOCOLS = ['http', 'postgres', 'kubernetes'] as const;
export type Protocol = (typeof PROTOCOLS)[number];

export type Action = 'Allow' | 'Deny' | 'RequireApproval';
/** As in audit.k8s.io: what of an exchange is kept. */
export type Level = 'None' | 'Metadata' | 'Request' | 'RequestResponse';
/** When evidence counts as written: acked by Kafka first, in the spool first, or in a bounded ring. */
export type Delivery = 'Strict' | 'Durable' | 'BestEffort';
export type Detector = 'email' | 'payment-card' | 'iban' | 'us-ssn' | 'phone' | 'jwt' | 'private-key';

export interface ObjectMeta {
  name: string;
  namespace?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
}

export interface LabelSelector {
  matchLabels?: Record<string, string>;
}

/** What the target is given instead of what the agent has. Secrets are read from the namespace of the policy. */
export type Credential =
  | { secret: string } // keys username and password
  | { bearerSecret: { name: string; key: string } }
  | { clientCertificateSecret: string } // keys tls.crt and tls.key, and username for databases
  | { serviceAccount: string }; // kubernetes only: the pod's own

export type ForwardedHeader = 'Txn-Token' | 'Baggage';

export interface Target {
  name: string;
  protocol: Protocol;
  /** DNS names or IP literals. */
  hosts: string[];
  port: number;
  /** TLS towards the target. Default: Require for kubernetes and for http on port 443, else Prefer for postgres and Disable for http. */
  tls: { mode: 'Disable' | 'Prefer' | 'Require'; serverName?: string; caSecret?: { name: string; key: string } };
  credential?: Credential;
  /** Identity headers that our sidecar adds; an agent's own are always stripped. */
  forward: ForwardedHeader[];
  /** How much of a result is kept in the record; beyond it rows and bytes are counted and hashed. */
  capture: { maxRows: number; maxBytes: number };
  /** Functions of a database whose effect is known; every function not declared and not built in counts as write. */
  functions: { read: string[] };
  /** Kubernetes: whether the values of Secrets reach the agent. Absent: Mask. */
  secretData?: 'Mask' | 'Pass';
}

export type Mask = { fields: string[] } | { detect: Detector[] };

export interface RuleMatch {
  targets?: string[];
  verbs?: string[];
  effects?: Effect[];
  /** Globs over operation.resource; `*` stays within one `/` or `.` segment, `**` does not. */
  resources?: string[];
  /** Agent names. */
  agents?: string[];
  /** Groups of the person who launched the chain (any of them). */
  groups?: string[];
  /** Names of the person who launched the chain. */
  users?: string[];
}

export interface ApprovalRequirement {
  /** The approver belongs to one of them. */
  groups: string[];
  minimum: number;
  /** Duration as Kubernetes writes it: 30m, 1h. */
  timeout: string;
}

export interface Rule {
  name: string;
  match: RuleMatch;
  /** CEL over `operation`, `target`, `root`, `launch`, `agent`; evaluates to a boolean. */
  when?: string;
  action: Action;
  reason?: string;
  level: Level;
  delivery: Delivery;
  mask: Mask[];
  approval?: ApprovalRequirement;
}

export interface AuditPolicySpec {
  selector: LabelSelector;
  identity: {
    required: boolean;
    providers: string[];
    maxDepth: number;
    onAmbiguous: 'Deny' | 'Hold' | 'Record';
    /** Whether an agent may appear twice in one chain. */
    allowLoops: boolean;
  };
  /** Whether targets are dialled by each agent's own sidecar, or by the gateway, which alone holds their credentials. */
  egress: 'Sidecar' | 'Gateway';
  targets: Target[];
  rules: Rule[];
  default: { action: 'Allow' | 'Deny'; level: Level; delivery: Delivery };
  /** Traffic to a destination that no target declares. */
  undeclared: 'Deny' | 'Record';
  /** An operation that cannot be parsed. */
  unparsed: 'Deny' | 'Record';
  retention?: { days: number };
}

export interface AuditPolicy {
  apiVersion: typeof API_VERSION;
  kind: 'AuditPolicy';
  metadata: ObjectMeta;
  spec: AuditPolicySpec;
}

export interface OidcProviderSpec {
  issuer: string;
  audiences: string[];
  /** Path to the groups, nested with dots: `groups`, `realm_access.roles`. */
  groupsClaim: string;
  usernameClaim: string;
}

export interface SamlProviderSpec {
  /** URL of the provider's metadata: its entity ID, certificates and addresses. */
  metadata: string;
  /** Cairn's own entity ID at the provider: the audience of its assertions. */
  entityId: string;
  /** Attribute that holds the groups, by Name or FriendlyName. */
  groupsAttribute: string;
  /** Attribute that names the person for people to read. Default: the NameID. */
  usernameAttribute?: string;
  /** Assertion consumer services whose assertions are accepted beside the token endpoint and the loopback of `cairn launch`. */
  recipients: string[];
}

/** Exactly one of the two. */
export type IdentityProviderSpec = { oidc: OidcProviderSpec; saml?: undefined } | { saml: SamlProviderSpec; oidc?: undefined };

export interface IdentityProvider {
  apiVersion: typeof API_VERSION;
  kind: 'IdentityProvider';
  metadata: ObjectMeta;
  spec: IdentityProviderSpec;
}

/**
 * What a sidecar runs by, as the operator serves it: GET /v1/bundle with an ETag. Policies are complete
 * (defaults filled in) and were validated; the sidecar compiles them itself.
 */
export interface Bundle {
  /** Changes with every content change. */
  version: string;
  policies: AuditPolicy[];
  providers: IdentityProvider[];
  /** Where launch tokens are signed and exchanged. */
  tokenService: { issuer: string; jwksUri: string; tokenEndpoint: string };
  /** Public key that payloads are sealed to; absent: payloads are not kept. */
  auditorKey?: { kid: string; publicKey: string };
  /** Where sidecars hand connections over, for policies with egress Gateway; absent: no gateway is installed. */
  gateway?: { host: string; port: number };
}
