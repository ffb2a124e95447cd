/** Lifetimes of the operator's certificates. */

/** A CA signs for so long before another one is introduced, and is valid for twice that. Seconds: 180 days. */
const CA_SECONDS = 180 * 86_400;
/** A serving certificate is renewed after two thirds of it. Seconds: 30 days. */
const LEAF_SECONDS = 30 * 86_400;
/** A new CA signs nothing before it was everywhere for so long: kubelets bring a changed ConfigMap to pods within minutes. Seconds. */
const OVERLAP_SECONDS = 3600;
export const DEFAULT_LIFETIMES = { caSeconds: CA_SECONDS, leafSeconds: LEAF_SECONDS, overlapSeconds: OVERLAP_SECONDS } as const;
/** Certificates begin so long ago, for clocks that are behind. Seconds. */
export const BACKDATE_SECONDS = 300;
/** How often the certificates are looked at, milliseconds. */
export const LOOK_MS = 60_000;
/** CAs in one bundle: the one that signs, the next and previous ones. */
export const BUNDLE_CAS_COUNT = 4;
