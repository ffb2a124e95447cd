import { GROUP_CHARACTERS, GROUPS_CHARACTERS, GROUPS_COUNT } from './limits.js';
import { IdentityError } from './types.js';

/** Reads a claim by name, else by dotted path: a name that contains dots (a URL) wins over a path. */
export function claimAt(claims: Readonly<Record<string, unknown>>, path: string): unknown {
  if (Object.hasOwn(claims, path)) return claims[path];
  let value: unknown = claims;
  for (const part of path.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined;
    value = (value as Record<string, unknown>)[part];
  }
  return value;
}

/** Control characters would forge lines in logs and break the tags that targets are given. */
export function isPlainText(text: string): boolean {
  // oxlint-disable-next-line no-control-regex
  return !/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/.test(text);
}

function bounded(groups: string[]): string[] {
  const unique = [...new Set(groups)];
  if (unique.length > GROUPS_COUNT) {
    throw new IdentityError(
      'claims',
      `the person has more than ${GROUPS_COUNT} groups; have the provider send only those that matter here`,
    );
  }
  let characters = 0;
  for (const group of unique) {
    characters += group.length;
    if (group.length > GROUP_CHARACTERS) throw new IdentityError('claims', `a group's name is longer than ${GROUP_CHARACTERS} characters`);
    if (!isPlainText(group)) throw new IdentityError('claims', "a group's name contains control characters");
  }
  if (characters > GROUPS_CHARACTERS)
    throw new IdentityError('claims', `the groups are longer than ${GROUPS_CHARACTERS} characters together`);
  return unique;
}

/** Groups from an array, or from one string that is one group. Absent: none. Throws IdentityError `claims` beyond the limits. */
export function groupsFrom(value: unknown): string[] {
  if (value === undefined || value === null || value === '') return [];
  if (typeof value === 'string') return bounded([value]);
  if (!Array.isArray(value) || !value.every((each) => typeof each === 'string')) {
    throw new IdentityError('claims', 'the groups claim is neither a list of names nor a name; check groupsClaim');
  }
  return bounded(value.filter((each) => each !== ''));
}

export interface GroupsReference {
  /** Absent where the provider only says that there are more groups than it wrote. */
  endpoint?: string;
  accessToken?: string;
}

/** Whether the provider left the groups out and says where they are (OIDC Core 5.6.2; `hasgroups` of Entra ID). */
export function groupsOverage(claims: Readonly<Record<string, unknown>>, groupsClaim: string): GroupsReference | undefined {
  const names = claims['_claim_names'];
  const source = typeof names === 'object' && names !== null ? (names as Record<string, unknown>)[groupsClaim] : undefined;
  if (typeof source !== 'string') return claims['hasgroups'] === true ? {} : undefined;
  const described = claimAt(claims, '_claim_sources') as
    | Record<string, { endpoint?: unknown; access_token?: unknown } | undefined>
    | undefined;
  const { endpoint, access_token: accessToken } = described?.[source] ?? {};
  return {
    ...(typeof endpoint === 'string' ? { endpoint } : {}),
    ...(typeof accessToken === 'string' ? { accessToken } : {}),
  };
}
