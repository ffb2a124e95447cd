/** What of an answer of the API server the agent does not get to see. */
import type { Mask, Operation, Target, Verdict } from '@cairn/crds';
import { MASK, type Masker, type StandIn, maskerFor, maskerWith } from '../../guard/mask.js';
import type { ResponseHead } from '../http/head.js';
import { type Maskable, maskable as maskableHttp } from '../http/mask-body.js';
import { isAboutSecrets } from './interpret.js';

const json = (value: string): Buffer => Buffer.from(JSON.stringify(value));

/**
 * Values of Secrets keep their type, or typed clients could not read the object: base64 in `data`. What `kubectl apply` remembers of
 * the object repeats its values, so it is emptied.
 */
const SECRET_VALUES: ReadonlyMap<string, StandIn> = new Map<string, StandIn>([
  ['data', { of: 'members', json: json(Buffer.from(MASK).toString('base64')) }],
  ['stringData', { of: 'members', json: json(MASK) }],
  ['kubectl.kubernetes.io/last-applied-configuration', { of: 'value', json: json('{}') }],
]);

const secretMaskers = new WeakMap<readonly Mask[], Masker>();

/** The policy's masks; for Secrets their values too, unless the target lets them pass. */
export function maskerOf(verdict: Verdict, operation: Operation, target: Target): Masker | undefined {
  if (target.secretData === 'Pass' || !isAboutSecrets(operation)) return maskerFor(verdict.mask);
  let masker = secretMaskers.get(verdict.mask);
  if (!masker) secretMaskers.set(verdict.mask, (masker = maskerWith(verdict.mask, SECRET_VALUES)));
  return masker;
}

/** Watches are one JSON object after another, and they and logs are read as they come. */
export function maskable(head: ResponseHead, masker: Masker, operation: Operation): Maskable | string {
  const how = maskableHttp(head, masker);
  if (typeof how === 'string') return how;
  if (operation.verb === 'watch' && how.kind === 'json') return { ...how, kind: 'json-sequence', streams: true };
  return operation.resource.endsWith('/log') ? { ...how, streams: true } : how;
}
