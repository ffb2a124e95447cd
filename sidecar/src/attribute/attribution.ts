/** The result of attribution: which launch an exchange belongs to, by which rung, with the words that events need ready-made. */
import type { AttributionMethod, Candidate } from '@cairn/audit';
import type { LaunchIdentity } from '@cairn/identity';

export interface AttributionHint {
  /** Value of the agent's `Cairn-Context` header, or of cairn_context in a SQL comment. */
  handle?: string | undefined;
  /** W3C traceparent that the agent sent along. */
  traceparent?: string | undefined;
}

export interface Attribution {
  readonly method: AttributionMethod;
  /** Absent where ambiguous or none. */
  readonly identity: LaunchIdentity | undefined;
  /** Chain token of that launch, for targets that it is forwarded to. */
  readonly token: string | undefined;
  readonly candidates: readonly Candidate[] | undefined;
  /** Identities behind the candidates. */
  readonly among?: readonly LaunchIdentity[];
  /** Id of the inbound request's intent event that this exchange serves. */
  readonly cause: string | undefined;
}

/** `alice@example.com/planner/researcher`: what targets are tagged with, e.g. application_name. Cut by the protocol to its own limit. */
export function identityTag(attribution: Attribution): string {
  const identity = attribution.identity;
  if (!identity) return `cairn:${attribution.method}`;
  return `${identity.root.name}/${identity.launch.path.map((agent) => agent.slice(agent.indexOf('/') + 1)).join('/')}`;
}
