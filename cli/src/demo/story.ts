/** The demo's words: what was asked, what came back, what to try next. */
import type { Approval } from '@cairn/crds';
import type { Answer } from './conversation.js';

export function answered(answer: Answer): string {
  const late = answer.customers.map((customer) => `${customer.name} (${customer.late_orders} late, e-mail ${customer.email})`);
  const credited = answer.credited.map(({ id, credit }) => `customer ${id} now has ${credit}`);
  return [
    '',
    `          Alice reads:  late orders: ${late.join('; ')}`,
    `                        credited:    ${credited.join('; ')}`,
    `                        clean-up:    refused (${answer.tidied.refused ?? 'not at all'})`,
    '',
  ].join('\n');
}

export function held({ actor, summary }: Approval): string {
  const path = actor.launch?.path.map((agent) => agent.slice(agent.indexOf('/') + 1)).join(' -> ') ?? actor.agent.name;
  return `held for approval: ${summary.replace(/\s+/g, ' ').trim()}   (${actor.root?.name ?? 'nobody'} via ${path})`;
}

/** `masked`: id of an event whose sealed body holds what was masked. */
export function whatNext(folder: string, chain: string, masked: string): string {
  const commands = [
    [`npx cairn query --ledger ${folder} --root alice@example.com`, 'everything that Alice set in motion'],
    [`npx cairn query --ledger ${folder} --decision deny`, 'what was refused'],
    [`npx cairn tree ${chain} --ledger ${folder}`, 'the chain again'],
    [`npx cairn replay ${chain} --ledger ${folder} --step`, 'step through it: statement, binds, rows'],
    [`npx cairn unseal ${masked} --ledger ${folder} --key ${folder}/auditor.key`, "the rows before masking, for the auditor's eyes"],
    [`npx cairn tail --ledger ${folder} --root alice@example.com`, 'follow what comes in (Ctrl-C ends it)'],
    [`npx cairn verify ${folder}`, 'is it whole?'],
    [`npx cairn export --ledger ${folder} --format jsonl > trail.jsonl`, 'one event a line'],
    [`npx cairn inject -f examples/research/agents.yaml --policies examples/research/policy.yaml`, 'the manifests with their sidecars'],
  ] as const;
  const width = Math.max(...commands.map(([command]) => command.length));
  return ['Try next:', ...commands.map(([command, why]) => `  ${command.padEnd(width)}  # ${why}`)].join('\n');
}
