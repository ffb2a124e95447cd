/** Users of the API server as principals. */
import type { Principal } from '@cairn/identity';
import { GROUP_CHARACTERS, GROUPS_CHARACTERS, GROUPS_COUNT, NAME_CHARACTERS } from './limits.js';
import { LineageRefusal } from './refusal.js';

/** authentication.k8s.io/v1 UserInfo, as an AdmissionReview carries it. */
export interface UserInfo {
  username: string;
  uid?: string;
  groups?: string[];
  extra?: Record<string, string[]>;
}

export interface ServiceAccountName {
  namespace: string;
  name: string;
}

const SERVICE_ACCOUNT = /^system:serviceaccount:([a-z0-9][-a-z0-9]*):([a-z0-9][-.a-z0-9]*)$/;

export function serviceAccountOf(username: string): ServiceAccountName | undefined {
  const match = SERVICE_ACCOUNT.exec(username);
  return match ? { namespace: match[1]!, name: match[2]! } : undefined;
}

/** The groups that fit: first come first kept, so that the same user always has the same. */
function fitting(groups: readonly string[]): string[] {
  let characters = 0;
  const fit = groups.filter((group) => {
    if (group.length > GROUP_CHARACTERS || characters + group.length > GROUPS_CHARACTERS) return false;
    characters += group.length;
    return true;
  });
  return fit.slice(0, GROUPS_COUNT);
}

/** Whoever the API server authenticated, be it a person or a service account that is no agent. Throws LineageRefusal. */
export function principalOf({ username, uid, groups = [] }: UserInfo): Principal {
  const sub = uid === undefined || uid === '' ? username : uid;
  if (username === '' || username.length > NAME_CHARACTERS || sub.length > NAME_CHARACTERS) {
    throw new LineageRefusal('principal', `a user's name and UID must have 1 to ${NAME_CHARACTERS} characters to be recorded`);
  }
  return { iss: 'kubernetes', sub, name: username, groups: fitting(groups), authn: 'kubernetes' };
}
