/** The custom resources of cairn.dev: the one source of manifests, offline checks, defaults and the reference. */
import { agentLaunchSpec, agentLaunchStatus, auditStreamSpec, auditStreamStatus } from './launch.js';
import { approvalSpec, approvalStatus } from './approval.js';
import { auditPolicySpec } from './audit-policy.js';
import { identityProviderSpec } from './identity-provider.js';
import { MAX_LAST_VALID_CHARS } from '../limits.js';
import { status, time } from './status.js';
import { text, type Schema } from './structural.js';

export interface PrinterColumn {
  name: string;
  type: 'string' | 'integer' | 'date' | 'boolean';
  jsonPath: string;
  /** 1: only with `-o wide`. */
  priority?: 1;
}

export interface CustomResource {
  kind: string;
  plural: string;
  shortNames: string[];
  scope: 'Namespaced' | 'Cluster';
  description: string;
  spec: Schema;
  status: Schema;
  columns: PrinterColumn[];
}

const age: PrinterColumn = { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' };
const ready: PrinterColumn = { name: 'Ready', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].status' };

export const AUDIT_POLICY: CustomResource = {
  kind: 'AuditPolicy',
  plural: 'auditpolicies',
  shortNames: ['apol'],
  scope: 'Namespaced',
  description: 'What the agents of a namespace may do, and what is kept of it.',
  spec: auditPolicySpec,
  status: status({
    lastValid: text('The spec that agents run by, as JSON: the last version that held. It outlives the operator that read it.', {
      maxLength: MAX_LAST_VALID_CHARS,
    }),
  }),
  columns: [
    { name: 'Default', type: 'string', jsonPath: '.spec.default.action' },
    { name: 'Undeclared', type: 'string', jsonPath: '.spec.undeclared' },
    { name: 'Max-Depth', type: 'integer', jsonPath: '.spec.identity.maxDepth', priority: 1 },
    ready,
    age,
  ],
};

export const IDENTITY_PROVIDER: CustomResource = {
  kind: 'IdentityProvider',
  plural: 'identityproviders',
  shortNames: ['idp'],
  scope: 'Cluster',
  description: 'Who vouches for people.',
  spec: identityProviderSpec,
  status: status({ lastFetched: time('When its metadata and keys were last fetched.') }),
  columns: [
    { name: 'Issuer', type: 'string', jsonPath: '.spec.oidc.issuer' },
    { name: 'Metadata', type: 'string', jsonPath: '.spec.saml.metadata' },
    ready,
    age,
  ],
};

const APPROVAL: CustomResource = {
  kind: 'Approval',
  plural: 'approvals',
  shortNames: ['appr'],
  scope: 'Namespaced',
  description: 'An operation that waits for people.',
  spec: approvalSpec,
  status: approvalStatus,
  columns: [
    { name: 'State', type: 'string', jsonPath: '.status.state' },
    { name: 'Person', type: 'string', jsonPath: '.spec.request.actor.root.name' },
    { name: 'Target', type: 'string', jsonPath: '.spec.request.target' },
    { name: 'Rule', type: 'string', jsonPath: '.spec.request.rule' },
    { name: 'Summary', type: 'string', jsonPath: '.spec.request.summary', priority: 1 },
    { name: 'Expires', type: 'string', jsonPath: '.status.expires', priority: 1 },
    age,
  ],
};

const AGENT_LAUNCH: CustomResource = {
  kind: 'AgentLaunch',
  plural: 'agentlaunches',
  shortNames: ['alaunch'],
  scope: 'Namespaced',
  description: 'One run of an agent and the chain that it belongs to.',
  spec: agentLaunchSpec,
  status: agentLaunchStatus,
  columns: [
    { name: 'Person', type: 'string', jsonPath: '.spec.root.name' },
    { name: 'Agent', type: 'string', jsonPath: '.spec.agent' },
    { name: 'Depth', type: 'integer', jsonPath: '.spec.launch.depth' },
    { name: 'Policy', type: 'string', jsonPath: '.spec.policy' },
    { name: 'Revoked', type: 'date', jsonPath: '.spec.revoked.time' },
    { name: 'Coverage', type: 'string', jsonPath: '.status.coverage', priority: 1 },
    { name: 'Chain', type: 'string', jsonPath: '.spec.launch.chain', priority: 1 },
    age,
  ],
};

const AUDIT_STREAM: CustomResource = {
  kind: 'AuditStream',
  plural: 'auditstreams',
  shortNames: ['astream'],
  scope: 'Namespaced',
  description: "A sidecar boot's stream of evidence and how far it is witnessed.",
  spec: auditStreamSpec,
  status: auditStreamStatus,
  columns: [
    { name: 'Pod', type: 'string', jsonPath: '.spec.pod.name' },
    { name: 'Events', type: 'integer', jsonPath: '.status.lastCheckpoint.size' },
    { name: 'Witnessed', type: 'date', jsonPath: '.status.lastCheckpoint.time' },
    { name: 'State', type: 'string', jsonPath: '.status.state' },
    age,
  ],
};

export const RESOURCES: readonly CustomResource[] = [AUDIT_POLICY, IDENTITY_PROVIDER, APPROVAL, AGENT_LAUNCH, AUDIT_STREAM];
