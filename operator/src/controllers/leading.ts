/** What every controller of the leader is given, and gives. */
import type { OperatorContext } from '../context.js';
import type { ControllerOptions, KubernetesClient, Workqueue } from '../kubernetes/index.js';

export interface Leading {
  context: OperatorContext;
  /** Acts for the leader alone: it refuses everything once this replica leads no longer. */
  client: KubernetesClient;
}

export interface LeaderController extends Pick<ControllerOptions, 'name' | 'workers' | 'reconcile'> {
  /** Adds every key that there is and, from then on, those that change; returns what ends that. */
  feed(queue: Workqueue): () => void;
}
