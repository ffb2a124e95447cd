/** How often the cluster is looked at for drift, milliseconds; changes of webhooks and of the fence are looked at when they happen. */
export const LOOK_MS = 60_000;
/** Pods without a sidecar that are told of one by one; the metric counts the rest too. */
export const TOLD_PODS_COUNT = 100;
/** Findings told in one condition. */
export const FINDINGS_SHOWN_COUNT = 3;
