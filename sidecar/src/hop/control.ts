/** What a sidecar tells the gateway beside the bytes: who it acts for, in the order in which that changes. Pure. */
import { HopError } from './frame.js';

export type Control =
  /** A launch token of this pod under a number; the same number again: a renewed one of the same launch. */
  | { type: 'launch'; number: number; token: string }
  /** The pod's own launch; null: it has none. */
  | { type: 'own'; launch: number | null }
  /** A request that the agent serves from now on; `launch` null: who sent it proved nothing. */
  | { type: 'open'; handle: string; launch: number | null; traceparent: string | null; cause: string }
  | { type: 'close'; handle: string }
  /** A certificate of the pod's CA, by which the gateway serves the agent. PEM. */
  | { type: 'leaf'; name: string; certificate: string; key: string }
  /** The pod, and that all which precedes the first byte was said. */
  | {
      type: 'start';
      /** Whether it serves requests. */
      serves: boolean;
      /** SHA-256 of the token that its containers hold, base64. */
      sessionToken: string;
      /** Its own token for the API server, where a target asks for that. */
      apiToken: string | null;
      /** Id of the event by which the sidecar recorded the hand-over. */
      cause: string;
    };

type Member = 'text' | 'number' | 'flag' | 'text or null' | 'number or null';

const MEMBERS: Record<Control['type'], Record<string, Member>> = {
  launch: { number: 'number', token: 'text' },
  own: { launch: 'number or null' },
  open: { handle: 'text', launch: 'number or null', traceparent: 'text or null', cause: 'text' },
  close: { handle: 'text' },
  leaf: { name: 'text', certificate: 'text', key: 'text' },
  start: { serves: 'flag', sessionToken: 'text', apiToken: 'text or null', cause: 'text' },
};

function is(value: unknown, member: Member): boolean {
  switch (member) {
    case 'text':
      return typeof value === 'string' && value !== '';
    case 'number':
      return Number.isInteger(value) && (value as number) >= 0;
    case 'flag':
      return typeof value === 'boolean';
    case 'text or null':
      return value === null || is(value, 'text');
    case 'number or null':
      return value === null || is(value, 'number');
    default:
      return member satisfies never;
  }
}

/** Throws HopError; never repeats what was sent. */
export function readControl(text: string): Control {
  let value: Record<string, unknown> | null;
  try {
    value = JSON.parse(text) as Record<string, unknown> | null;
  } catch {
    throw new HopError('a control message that is no JSON');
  }
  const type = value?.['type'];
  if (typeof type !== 'string' || !Object.hasOwn(MEMBERS, type)) throw new HopError('a control message of an unknown type');
  for (const [name, member] of Object.entries(MEMBERS[type as Control['type']])) {
    if (!is(value![name], member)) throw new HopError(`a control message ${type} whose ${name} is not ${member}`);
  }
  return value as unknown as Control;
}

export function controlBytes(control: Control): Buffer {
  return Buffer.from(JSON.stringify(control));
}
