/** AuditPolicies: validated, and told what they select and what stands in their way. */
import type { AuditPolicy } from '@cairn/crds';
import { mayRunBy, sameChoice } from '../../agents/index.js';
import type { Pod, Workqueue } from '../../kubernetes/index.js';
import type { LeaderController, Leading } from '../leading.js';
import { act } from './act.js';
import { observationsOf } from './decide.js';
import { gather } from './gather.js';
import { WORKERS_COUNT } from './limits.js';

export function policies({ context, client }: Leading): LeaderController {
  const { caches, events } = context;
  const addNamespace = (queue: Workqueue, namespace: string): void => {
    for (const { metadata } of caches.policies.store.inNamespace(namespace)) queue.add(`${namespace}/${metadata.name}`);
  };
  return {
    name: 'policies',
    workers: WORKERS_COUNT,
    async reconcile(key) {
      const view = gather(context, key);
      const state = context.policies.state(key);
      if (view && state) await act({ client, events }, state, observationsOf(view), new Date().toISOString());
    },
    feed(queue) {
      const all = (): void => {
        for (const key of caches.policies.store.keys()) queue.add(key);
      };
      const concerned = (pod: Pod): void => {
        const namespace = pod.metadata.namespace!;
        const add = ({ metadata }: AuditPolicy): void => queue.add(`${namespace}/${metadata.name}`);
        context.policies
          .inNamespace(namespace)
          .filter((policy) => mayRunBy(pod, policy))
          .forEach(add);
      };
      const ends = [
        context.policies.onChange((key) => (key === undefined ? all() : addNamespace(queue, key.slice(0, key.indexOf('/'))))),
        // Also when somebody else wrote the status.
        caches.policies.subscribe({ updated: ({ metadata }) => queue.add(`${metadata.namespace}/${metadata.name}`) }),
        caches.pods.subscribe({
          added: concerned,
          updated: (pod, previous) => {
            if (sameChoice(pod, previous) && pod.status?.phase === previous.status?.phase) return;
            concerned(previous);
            concerned(pod);
          },
          deleted: concerned,
        }),
        caches.namespaces.subscribe({
          updated: ({ metadata }, previous) => {
            if (JSON.stringify(metadata.labels) !== JSON.stringify(previous.metadata.labels)) addNamespace(queue, metadata.name!);
          },
        }),
      ];
      all();
      return () => ends.forEach((end) => end());
    },
  };
}
