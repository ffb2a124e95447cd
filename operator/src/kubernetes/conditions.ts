/** metav1.Condition lists. */

export interface Condition {
  type: string;
  status: 'True' | 'False' | 'Unknown';
  observedGeneration?: number;
  /** RFC 3339. */
  lastTransitionTime: string;
  reason: string;
  message: string;
}

/** What is observed now. */
export type Observation = Pick<Condition, 'type' | 'status' | 'reason' | 'message'>;

/** The observations as conditions: one whose status stayed keeps the time of its last change. `now` is RFC 3339. */
export function conditionsOf(
  before: readonly Condition[] | undefined,
  observations: readonly Observation[],
  generation: number | undefined,
  now: string,
): Condition[] {
  return observations.map((observation) => {
    const known = before?.find(({ type }) => type === observation.type);
    const lastTransitionTime = known?.status === observation.status ? known.lastTransitionTime : now;
    return { ...observation, ...(generation === undefined ? {} : { observedGeneration: generation }), lastTransitionTime };
  });
}

/** Whether writing `after` over `before` would change anything. */
export function sameConditions(before: readonly Condition[] | undefined, after: readonly Condition[]): boolean {
  const fields = ['status', 'observedGeneration', 'lastTransitionTime', 'reason', 'message'] as const;
  return after.every((condition) => {
    const known = before?.find(({ type }) => type === condition.type);
    return known !== undefined && fields.every((field) => known[field] === condition[field]);
  });
}
