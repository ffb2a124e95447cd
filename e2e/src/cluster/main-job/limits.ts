/** How long the main job waits, in milliseconds. */

/** The whole chain: three Jobs one below the other, on a busy machine, and a person who approves. */
export const ASK_MS = 240_000;
/** Until the deepest agent's write is held: two Jobs have run until then. */
export const HELD_MS = 180_000;
/** A Deployment of the examples, its sidecar included. */
export const ROLLOUT_MS = 180_000;
/** From the last event of the chain to its being in Kafka, and its checkpoint witnessed. */
export const EVIDENCE_MS = 90_000;
export const POLL_MS = 500;
/** From a policy's being applied to the operator's saying that it is in force. */
export const POLICY_MS = 60_000;
/** Deleting namespaces with pods that end in an orderly way. */
export const GONE_MS = 150_000;
