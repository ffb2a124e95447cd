/** Alice asks; the chain works; Bob approves the write that is held meanwhile. Both prove who they are by their own OIDC tokens. */
import type { Approval } from '@cairn/crds';
import { ASK_MS, HELD_MS } from './limits.js';
import { DemoError } from './failure.js';
import { until } from './wait.js';

export const QUESTION = 'Which customers got their orders late? Credit them 15.00 each.';

/** What the planner answers; the agents made of it what they were given. */
export interface Answer {
  customers: { id: number; name: string; email: string; late_orders: number }[];
  contacts: { contacts: { id: number; email: string; phone: string; tier: string }[] };
  credited: { id: number; credit: string }[];
  tidied: { refused?: string; dropped?: string };
}

const json = 'application/json';

export async function ask(planner: string, token: string): Promise<Answer> {
  const response = await fetch(`http://${planner}/ask`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': json },
    body: JSON.stringify({ question: QUESTION }),
    signal: AbortSignal.timeout(ASK_MS),
  });
  const text = await response.text();
  if (response.ok) return JSON.parse(text) as Answer;
  throw new DemoError(`the planner answered ${response.status}: ${text}`, 'The logs of agents and sidecars are in .cairn/demo/logs.');
}

/** Somebody without a token, for the record. */
export async function askAsNobody(planner: string): Promise<number> {
  const response = await fetch(`http://${planner}/ask`, {
    method: 'POST',
    headers: { 'content-type': json },
    body: '{}',
    signal: AbortSignal.timeout(ASK_MS),
  });
  await response.body?.cancel();
  return response.status;
}

/** Waits until a statement is held that this person may decide on. */
export function heldStatement(operator: string, token: string, signal: AbortSignal): Promise<Approval> {
  return until('a statement to be held for approval', { limitMs: HELD_MS, signal }, async () => {
    const response = await fetch(`${operator}/v1/approvals?state=pending`, { headers: { authorization: `Bearer ${token}` } });
    if (!response.ok)
      throw new DemoError(`the approvals answered ${response.status}: ${await response.text()}`, 'See .cairn/demo/logs/operator.log.');
    return ((await response.json()) as { approvals: Approval[] }).approvals[0];
  });
}

export async function approve(operator: string, token: string, approval: Approval, reason: string): Promise<void> {
  const response = await fetch(`${operator}/v1/approvals/${approval.id}/votes`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': json },
    body: JSON.stringify({ decision: 'approve', reason }),
  });
  if (!response.ok)
    throw new DemoError(`the approval was not taken (${response.status}): ${await response.text()}`, 'See .cairn/demo/logs/operator.log.');
}
