/**
 * Cancel keys. An agent holds a key that is good only here: the server's own stays with the sidecar. The process id is the
 * server's, because agents read it (pg_backend_pid(), NOTIFY).
 */
import { randomBytes } from 'node:crypto';
import { MAX_CANCEL_KEYS } from './limits.js';
import { message } from './messages.js';

interface ServerKey {
  pid: number;
  secret: Buffer;
}

export class CancelKeys {
  private readonly known = new Map<string, ServerKey>();

  constructor(private readonly limit = MAX_CANCEL_KEYS) {}

  /** Takes the server's BackendKeyData and returns the agent's; `forget` when the session ends. */
  exchange(buffer: Buffer, start: number, end: number, minor: number): { message: Buffer; forget: () => void } {
    const pid = buffer.readInt32BE(start + 5);
    const secret = randomBytes(minor >= 2 ? 32 : 4);
    const name = keyName(pid, secret);
    if (this.known.size >= this.limit) this.known.delete(this.known.keys().next().value ?? '');
    this.known.set(name, { pid, secret: Buffer.from(buffer.subarray(start + 9, end)) });
    const word = Buffer.alloc(4);
    word.writeInt32BE(pid);
    return { message: message('K', word, secret), forget: () => void this.known.delete(name) };
  }

  find(pid: number, secret: Buffer): ServerKey | undefined {
    return this.known.get(keyName(pid, secret));
  }
}

function keyName(pid: number, secret: Buffer): string {
  return `${pid}:${secret.toString('hex')}`;
}
