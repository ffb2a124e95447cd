/** `cairn approvals`: what is held for somebody's decision. The decision is made under the identity of the caller's token. */
import type { Approval } from '@cairn/crds';
import type { Command } from 'commander';
import { askOperator, refusing, withOperator, type OperatorOptions } from '../control/operator-api.js';

interface ListOptions extends OperatorOptions {
  state: string;
  json?: boolean;
}

interface DecideOptions extends OperatorOptions {
  reason?: string;
  json?: boolean;
}

export function register(program: Command): void {
  const approvals = program.command('approvals').description('list, approve and deny what agents are held at');
  withOperator(approvals.command('list', { isDefault: true }).description('approvals that you may decide on, or caused'))
    .option('--state <state>', 'pending, approved, denied, expired, or all', 'pending')
    .option('--json', 'one JSON object a line')
    .action((options: ListOptions) => refusing(() => list(options)));
  for (const decision of ['approve', 'deny'] as const) {
    withOperator(approvals.command(decision).description(`${decision} one`).argument('<id>', 'approval id'))
      .option('--reason <text>', 'why, for the record')
      .option('--json', 'print the approval as JSON')
      .action((id: string, options: DecideOptions) => refusing(() => decide(id, decision, options)));
  }
}

async function list(options: ListOptions): Promise<void> {
  const query = options.state === 'all' ? '' : `?state=${encodeURIComponent(options.state)}`;
  const { approvals } = await askOperator<{ approvals: Approval[] }>(options, `/v1/approvals${query}`);
  if (options.json) {
    for (const approval of approvals) process.stdout.write(`${JSON.stringify(approval)}\n`);
    return;
  }
  if (approvals.length === 0) process.stdout.write(`no ${options.state === 'all' ? '' : `${options.state} `}approvals\n`);
  else process.stdout.write(`${await table(approvals)}\n`);
}

async function table(approvals: readonly Approval[]): Promise<string> {
  const { default: Table } = await import('cli-table3');
  const rows = new Table({
    head: ['id', 'person', 'agent', 'target', 'what', 'rule', 'state', 'expires'],
    style: { head: [] },
    wordWrap: true,
  });
  for (const { id, actor, target, summary, rule, state, votes, requirement, expires } of approvals) {
    const approved = `${votes.filter((vote) => vote.decision === 'approve').length}/${requirement.minimum}`;
    rows.push([id, actor.root?.name ?? 'nobody known', actor.agent.name, target, plain(summary), rule, `${state} ${approved}`, expires]);
  }
  return rows.toString();
}

/** A statement is an agent's text: on a terminal it must not move the cursor or hide a part of itself. */
function plain(text: string): string {
  // oxlint-disable-next-line no-control-regex
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, (character) =>
    character === '\n' ? ' ' : `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

async function decide(id: string, decision: 'approve' | 'deny', options: DecideOptions): Promise<void> {
  const body = { decision, ...(options.reason ? { reason: options.reason } : {}) };
  const approval = await askOperator<Approval>(options, `/v1/approvals/${encodeURIComponent(id)}/votes`, body);
  const missing = approval.requirement.minimum - approval.votes.length;
  const more = approval.state === 'pending' ? `; ${missing} more ${missing === 1 ? 'person has' : 'people have'} to approve` : '';
  process.stdout.write(options.json ? `${JSON.stringify(approval)}\n` : `${approval.id} is ${approval.state}${more}\n`);
}
