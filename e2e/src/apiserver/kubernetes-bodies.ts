/** The API server, asked for the same in every form in which it answers. */
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { buffer } from 'node:stream/consumers';
import { decodeKubernetes } from '@cairn/cli';

export const PROTOBUF = 'application/vnd.kubernetes.protobuf';
export const CBOR = 'application/cbor';

export interface Api {
  url: string;
  ca: string;
  token: string;
}

export interface Answer {
  status: number;
  type: string;
  bytes: Buffer;
}

export interface Asked {
  accept: string;
  method?: string;
  body?: { bytes: Buffer; type: string };
  /** Ends the answer where it holds; default: at its own end. */
  until?: (answer: Answer) => Promise<boolean>;
}

export async function ask({ url, ca, token }: Api, path: string, { accept, method = 'GET', body, until }: Asked): Promise<Answer> {
  const headers = {
    authorization: `Bearer ${token}`,
    accept,
    ...(body ? { 'content-type': body.type, 'content-length': body.bytes.length } : {}),
  };
  const asked = request(new URL(path, url), { method, headers, ca, agent: false }).end(body?.bytes);
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  const answer = { status: response.statusCode!, type: response.headers['content-type'] ?? '', bytes: Buffer.alloc(0) };
  if (!until) return { ...answer, bytes: await buffer(response) };
  for await (const chunk of response) {
    answer.bytes = Buffer.concat([answer.bytes, chunk as Buffer]);
    if (await until(answer)) break;
  }
  return answer;
}

/** The one value that an answer holds. */
export async function decoded(answer: Answer): Promise<unknown> {
  const { values, notes } = await decodeKubernetes(answer);
  if (values.length !== 1 || notes.length > 0) throw new Error(`${values.length} values; ${notes.join('; ')}`);
  return values[0];
}

/** What JSON says and protobuf has no place for: the type of an object that stands within another one. */
export function withoutInnerTypes(object: unknown): unknown {
  return JSON.parse(JSON.stringify(object), function (this: unknown, name, value: Record<string, unknown>) {
    if (name === '' || typeof value !== 'object' || value === null || !('metadata' in value && 'kind' in value)) return value;
    const { kind: _, apiVersion: __, ...rest } = value;
    return rest;
  });
}
