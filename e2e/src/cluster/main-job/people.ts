/** Alice and Bob: she asks the planner, he decides with kubectl on what is held. */
import type { ApprovalObject } from '@cairn/crds';
import type { Cluster } from '../../harness/cluster/index.js';
import { ASK_MS, HELD_MS } from './limits.js';
import { until } from './until.js';

export const QUESTION = 'Which customers got their orders late? Credit them 15.00 each.';

export interface Answer {
  customers: { id: number; name: string; email: string; late_orders: number }[];
  contacts: { contacts: { id: number; email: string; phone: string }[] };
  credited: { id: number; credit: string }[];
  tidied: { refused?: string; dropped?: string };
}

/** Asks the planner; `token` undefined: as nobody. */
export function ask(planner: string, token: string | undefined): Promise<Response> {
  const authorization: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
  return fetch(`${planner}/ask`, {
    method: 'POST',
    headers: { ...authorization, 'content-type': 'application/json' },
    body: JSON.stringify({ question: QUESTION }),
    signal: AbortSignal.timeout(ASK_MS),
  });
}

export async function answerOf(response: Response): Promise<Answer> {
  const text = await response.text();
  if (!response.ok) throw new Error(`the planner answered ${response.status}: ${text}`);
  return JSON.parse(text) as Answer;
}

/** The oldest operation that is held in the namespace, once there is one. */
export function heldOperation(cluster: Cluster, namespace: string): Promise<ApprovalObject> {
  return until('an operation that is held for approval', HELD_MS, async () => {
    const list = JSON.parse(await cluster.kubectl(['get', 'approvals', '-n', namespace, '-o', 'json'])) as { items: ApprovalObject[] };
    return list.items.find(({ status }) => status?.state === undefined || status.state === 'pending');
  });
}

/** Bob types it, with a certificate of his own. */
export async function approve(cluster: Cluster, { metadata: { name, namespace } }: ApprovalObject): Promise<void> {
  const decision = { spec: { decision: 'approve', reason: 'goodwill credit, agreed with support' } };
  const bob = await cluster.user('bob@example.com', ['db-owners']);
  await cluster.kubectl(['patch', 'approval', name, '-n', namespace, '--type=merge', '-p', JSON.stringify(decision)], { as: bob });
}
