/** Identity headers on the wire. Only sidecars write them; what an agent sends itself is stripped. */

/** The chain token between sidecars (draft-ietf-oauth-transaction-tokens). */
export const TXN_TOKEN = 'txn-token';
/** Event id of the calling sidecar's intent: joins both ends of a hop. Believed only beside a valid chain token. */
export const CAIRN_EVENT = 'cairn-event';
/** Handle of the inbound context, given to the agent, which may pass it on with its own calls. */
export const CAIRN_CONTEXT = 'cairn-context';

/** Lower-case names; a trailing `-` means every header that begins so. */
export const IDENTITY_HEADERS: readonly string[] = [TXN_TOKEN, CAIRN_EVENT, CAIRN_CONTEXT, 'impersonate-', 'x-forwarded-user', 'x-remote-'];

/** Whether a header carries identity and must not pass from an agent to a target. `name` in lower case. */
export function isIdentityHeader(name: string): boolean {
  for (const each of IDENTITY_HEADERS) {
    if (each.endsWith('-') ? name.startsWith(each) : name === each) return true;
  }
  return false;
}
