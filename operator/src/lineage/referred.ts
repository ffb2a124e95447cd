/** For which of its pod's launches an agent calls, by the reference that its sidecar put on the object. Pure; references were verified before. */
import type { LaunchReference } from '@cairn/audit';
import type { Caller, Launchers } from './caller.js';
import { LineageRefusal } from './refusal.js';

/** Throws LineageRefusal. A caller who is no agent acts in their own right, whatever an object says. */
export function referredCaller(caller: Caller, reference: LaunchReference | undefined, launchers: Pick<Launchers, 'launch'>): Caller {
  if (caller.kind !== 'agent' || !reference) return caller;
  const { pod, launch: id } = reference;
  if (pod.uid !== caller.pod) {
    throw new LineageRefusal('reference-invalid', `the launch reference is of pod ${pod.namespace}/${pod.name}, not of the one that asks`);
  }
  const launch = launchers.launch(id);
  if (!launch) throw new LineageRefusal('unknown-launch', `launch ${id}, for which the agent acts, is not known yet; try again`);
  if (launch.pod !== caller.pod) throw new LineageRefusal('reference-invalid', `launch ${id} is another pod's`);
  if (launch.revoked) throw new LineageRefusal('revoked', `launch ${id} was revoked; it may launch nothing more`);
  return { ...caller, parent: launch.node, referred: true };
}
