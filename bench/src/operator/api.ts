/** Requests of the API server over kept connections, a bounded number at once. */
import { Agent, request } from 'node:https';

const CONNECTIONS = 16;
const REQUEST_MS = 60_000;

export interface Credentials {
  url: string;
  /** PEM. */
  ca: string;
  token: string;
}

export class Api {
  readonly #agent: Agent;

  constructor(private readonly credentials: Credentials) {
    this.#agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS, ca: credentials.ca });
  }

  get<T>(path: string): Promise<T> {
    return this.#ask('GET', path);
  }

  create(path: string, object: object): Promise<unknown> {
    return this.#ask('POST', path, object, 'application/json');
  }

  /** RFC 7386. */
  mergePatch<T>(path: string, patch: object): Promise<T> {
    return this.#ask('PATCH', path, patch, 'application/merge-patch+json');
  }

  close(): void {
    this.#agent.destroy();
  }

  #ask<T>(method: string, path: string, object?: object, type?: string): Promise<T> {
    const body = object && Buffer.from(JSON.stringify(object));
    const { url, token } = this.credentials;
    const headers = {
      authorization: `Bearer ${token}`,
      ...(body ? { 'content-type': type, 'content-length': body.length } : {}),
    };
    return new Promise((resolve, reject) => {
      const signal = AbortSignal.timeout(REQUEST_MS);
      const sent = request(url + path, { method, agent: this.#agent, headers, signal }, (answer) => {
        const chunks: Buffer[] = [];
        answer.on('data', (chunk: Buffer) => chunks.push(chunk));
        answer.once('error', reject);
        answer.on('end', () => {
          const text = Buffer.concat(chunks).toString('utf8');
          if (answer.statusCode! < 300) resolve(JSON.parse(text) as T);
          else reject(new Error(`${method} ${path}: ${answer.statusCode} ${text.slice(0, 500)}`));
        });
      });
      sent.once('error', reject).end(body);
    });
  }
}

/** Runs `each` for 0 to `count` - 1, as many at once as there are connections. Rejects with the first failure. */
export async function parallel(count: number, each: (index: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) await each(next++);
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, worker));
}
