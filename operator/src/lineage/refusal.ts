/** Why a workload may not be launched. */
export type LineageCode =
  | 'unknown-launch'
  | 'unbound-token'
  | 'revoked'
  | 'reference-invalid'
  | 'unreferenced'
  | 'depth'
  | 'loop'
  | 'unstamped'
  | 'grant-invalid'
  | 'grant-expired'
  | 'grant-namespace'
  | 'grant-owner'
  | 'grant-template'
  | 'grant-agent'
  | 'principal';

/** `code` is stable; `message` is a sentence that says how to mend it. */
export class LineageRefusal extends Error {
  constructor(
    readonly code: LineageCode,
    message: string,
  ) {
    super(message);
    this.name = 'LineageRefusal';
  }
}
