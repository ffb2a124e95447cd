/** Whom agents ask, outside of the cluster: counts what reached it and what it was told was answered, which no pod can lose. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What an agent is told to do; see agent.ts. */
export interface Order {
  /** Allocates until it is killed. */
  eat?: true;
  /** Asks nothing any more. */
  rest?: true;
  /** Is asked for, with a body of so many random bytes, once or until an answer of this status. What came of it the agent logs. */
  path?: string;
  bytes?: number;
  until?: number;
}

export interface Counterpart {
  readonly port: number;
  /** Path -> times that it was asked for. */
  readonly reached: ReadonlyMap<string, number>;
  /** Requests for work that a pod sent. */
  workOf(pod: string): number;
  /** Requests for work that were answered, by what the pod's agents said themselves. */
  answeredTo(pod: string): number;
  /** The pod's agent does this next. */
  order(pod: string, order: Order): void;
  close(): void;
}

const WORK = /^\/tasks\/(.+)-([0-9a-f]{6})\/\d+\/(\d+)$/;

export async function startCounterpart(address: string): Promise<Counterpart> {
  const reached = new Map<string, number>();
  const answered = new Map<string, Map<string, number>>();
  const work = new Map<string, number>();
  const orders: { pod: string; order: Order }[] = [];
  const answer = (path: string): Order => {
    const [, pod, run, count] = WORK.exec(path) ?? [];
    if (pod === undefined) return {};
    work.set(pod, (work.get(pod) ?? 0) + 1);
    answered.set(pod, (answered.get(pod) ?? new Map<string, number>()).set(run!, Number(count)));
    const next = orders.findIndex((each) => each.pod === pod);
    return next < 0 ? {} : orders.splice(next, 1)[0]!.order;
  };
  const server = createServer((incoming, response) => {
    const path = incoming.url!;
    incoming.resume().on('end', () => {
      reached.set(path, (reached.get(path) ?? 0) + 1);
      response.end(JSON.stringify(answer(path)));
    });
  });
  server.listen(0, address);
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    reached,
    workOf: (pod) => work.get(pod) ?? 0,
    answeredTo: (pod) => [...(answered.get(pod)?.values() ?? [])].reduce((sum, count) => sum + count, 0),
    order: (pod, order) => void orders.push({ pod, order }),
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}
