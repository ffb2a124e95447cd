/** The demo's words: what came back, and what to try next. */
import type { Cluster } from '../../harness/cluster/index.js';
import type { Answer } from '../main-job/people.js';

export function answered({ customers, credited, tidied }: Answer): string {
  const late = customers.map(({ name, late_orders: orders, email }) => `${name} (${orders} late, e-mail ${email})`);
  return [
    '',
    `          Alice reads:  late orders: ${late.join('; ')}`,
    `                        credited:    ${credited.map(({ id, credit }) => `customer ${id} now has ${credit}`).join('; ')}`,
    `                        clean-up:    refused (${tidied.refused ?? 'not at all'})`,
    '',
  ].join('\n');
}

/** `folder`: the ledger's, as the reader types it. Kafka ends with the demo. */
export function whatNext({ name, kubeconfig }: Cluster, folder: string): string {
  const commands: [string, string][] = [
    [`export KUBECONFIG=${kubeconfig}`, 'kubectl and helm reach the cluster'],
    ['kubectl get agentlaunches -n research', 'who set which agent in motion'],
    ['kubectl get approvals,auditstreams,networkpolicies -n research', 'what was decided, witnessed, closed'],
    ['kubectl describe auditpolicy research -n research', 'the policy and its state'],
    [`npx cairn query --ledger ${folder} --root alice@example.com`, 'everything that Alice set in motion'],
    [`npx cairn query --ledger ${folder} --decision deny`, 'what was refused'],
    [`npx cairn replay --ledger ${folder} --step`, 'step through it: statement, binds, rows'],
    [`make cluster-down${name === 'cairn' ? '' : ` CLUSTER=${name}`}`, 'take the cluster down; the ledger stays'],
  ];
  const width = Math.max(...commands.map(([command]) => command.length));
  return ['The cluster stays up. Try next:', ...commands.map(([command, why]) => `  ${command.padEnd(width)}  # ${why}`)].join('\n');
}
