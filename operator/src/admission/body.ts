/** Bodies of the webhook's requests and answers to them, on node:http itself: a framework's share of a call is more than a decision's. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { REVIEW_BYTES } from './limits.js';

export type BodyReason = 'method' | 'media.type' | 'entity.too.large' | 'entity.parse.failed' | 'request.aborted';

/** A body that can't be read. `status`: the answer's, `message`: ours, because a parser's repeats a part of the body. */
export class BodyError extends Error {
  constructor(
    readonly status: number,
    readonly reason: BodyReason,
    message: string,
  ) {
    super(message);
    this.name = 'BodyError';
  }
}

const tooLarge = (): BodyError => new BodyError(413, 'entity.too.large', `the review has more than ${REVIEW_BYTES} bytes`);

const aborted = (): BodyError => new BodyError(400, 'request.aborted', 'the connection was closed before the review had arrived');

function checkHead({ method, headers }: IncomingMessage): void {
  if (method !== 'POST') throw new BodyError(405, 'method', 'send an AdmissionReview by POST');
  const type = headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase();
  const encoding = headers['content-encoding'];
  if (type !== 'application/json' || (encoding !== undefined && encoding !== 'identity')) {
    throw new BodyError(415, 'media.type', 'send an AdmissionReview as application/json, without an encoding');
  }
  if (Number(headers['content-length'] ?? 0) > REVIEW_BYTES) throw tooLarge();
}

function received(request: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= REVIEW_BYTES) return void chunks.push(chunk);
      request.removeAllListeners('data').resume();
      reject(tooLarge());
    });
    request.once('end', () => resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, bytes)));
    request.once('close', () => request.readableEnded || reject(aborted()));
  });
}

/** Throws BodyError. */
export async function readBody(request: IncomingMessage): Promise<unknown> {
  checkHead(request);
  const bytes = await received(request);
  try {
    return JSON.parse(bytes.toString('utf8')) as unknown;
  } catch {
    throw new BodyError(400, 'entity.parse.failed', 'the body is not JSON that can be read');
  }
}

/** `text`: JSON. */
export function respond(response: ServerResponse, status: number, text: string): void {
  const body = Buffer.from(text);
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': body.length }).end(body);
}
