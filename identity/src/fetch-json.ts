import { request as requestHttp, type IncomingMessage } from 'node:http';
import { request as requestHttps } from 'node:https';
import { DOCUMENT_BYTES, FETCH_MILLISECONDS } from './limits.js';
import { IdentityError } from './types.js';

export interface FetchedDocument {
  contentType: string;
  text: string;
}

/** Plain http is for names that cannot be elsewhere: loopback, private addresses, cluster-internal services. */
function isPrivateHost(host: string): boolean {
  const name = host.replace(/^\[|\]$/g, '').toLowerCase();
  if (name === 'localhost' || /\.(localhost|internal|svc|svc\.cluster\.local)$/.test(name)) return true;
  if (/^(127|10)\.\d+\.\d+\.\d+$/.test(name) || /^192\.168\.\d+\.\d+$/.test(name)) return true;
  return /^172\.(1[6-9]|2\d|3[01])\.\d+\.\d+$/.test(name) || name === '::1' || /^f[cd][0-9a-f]{2}:/.test(name);
}

/** Parses a URL that keys or groups are fetched from: https, or http to a private host. Throws IdentityError `unavailable`. */
export function trustedUrl(text: string, what: string): URL {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw new IdentityError('unavailable', `${what} is not a URL`);
  }
  if (url.protocol === 'https:' || (url.protocol === 'http:' && isPrivateHost(url.hostname))) return url;
  throw new IdentityError('unavailable', `${what} must be https (plain http only to loopback, private addresses and cluster services)`);
}

async function boundedText(response: IncomingMessage, what: string): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > DOCUMENT_BYTES) throw new IdentityError('unavailable', `${what} is larger than ${DOCUMENT_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** node:http rather than fetch(): every sidecar fetches keys, and fetch() would stay in its memory with some 10 MB. */
function get(url: URL, headers: Record<string, string>, signal: AbortSignal): Promise<IncomingMessage> {
  const ask = url.protocol === 'https:' ? requestHttps : requestHttp;
  return new Promise((resolve, reject) => {
    ask(url, { headers: { accept: 'application/json', ...headers }, signal }, resolve)
      .on('error', reject)
      .end();
  });
}

/** Fetches a document with bounds on time and size and without redirects. Throws IdentityError `unavailable`. */
export async function fetchDocument(url: URL, what: string, headers: Record<string, string> = {}): Promise<FetchedDocument> {
  try {
    const response = await get(url, headers, AbortSignal.timeout(FETCH_MILLISECONDS));
    if (response.statusCode !== 200) {
      response.destroy();
      throw new IdentityError('unavailable', `${what} at ${url.origin} answered ${response.statusCode}`);
    }
    return { contentType: response.headers['content-type'] ?? '', text: await boundedText(response, what) };
  } catch (error) {
    if (error instanceof IdentityError) throw error;
    throw new IdentityError('unavailable', `${what} at ${url.origin} could not be fetched: ${(error as Error).name}`);
  }
}

export function parseObject(text: string, what: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {
    // Told below: a parser's message may quote the document.
  }
  throw new IdentityError('unavailable', `${what} is not a JSON object`);
}
