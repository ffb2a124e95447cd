/** The compiled form of a policy: what the data path asks, once per message. Implemented in compile.ts. */
import type { Operation } from './operation.js';
import type { Action, ApprovalRequirement, AuditPolicySpec, Delivery, Level, Mask, Target } from './types.js';

/** Who acts, as rules and CEL expressions see it. */
export interface Actor {
  root?: { iss: string; sub: string; name: string; groups: readonly string[]; authn: string };
  launch?: { id: string; chain: string; depth: number; path: readonly string[] };
  agent: { name: string; namespace: string };
}

/** What a policy says of one message. Frozen; the same object is returned for the same rule, so it may be compared by identity. */
export interface Verdict {
  readonly action: Action;
  readonly policy: string;
  /** Rule name; absent: the policy's default, `undeclared` or `unparsed` (then `reason` says so). */
  readonly rule?: string;
  readonly reason?: string;
  readonly level: Level;
  readonly delivery: Delivery;
  readonly mask: readonly Mask[];
  readonly approval?: ApprovalRequirement;
}

export interface CompiledPolicy {
  readonly name: string;
  readonly spec: AuditPolicySpec;
  /** The declared target of a destination; host compared without case and trailing dot. */
  target(host: string, port: number): Target | undefined;
  /** First rule that matches one operation. */
  match(target: string, operation: Operation, actor: Actor): Verdict;
  /**
   * Every operation of one message together: the strictest action (Deny, then RequireApproval, then Allow) wins with its
   * rule; level and delivery are the strongest and masks the union of all. An empty list is the default verdict.
   */
  matchAll(target: string, operations: readonly Operation[], actor: Actor): Verdict;
  readonly undeclared: Verdict;
  readonly unparsed: Verdict;
  readonly ambiguous: Verdict;
  /** Denial of an actor without identity where identity.required. */
  readonly unidentified: Verdict;
}
