/** One watch: its events in order until it ends, and how it ended. */
import { answerError, ApiError, localError } from './api-error.js';
import type { KubernetesClient, WatchOptions } from './client.js';
import { LineReader } from './lines.js';
import { WATCH_LINE_BYTES } from './limits.js';
import { pathOf, type ApiObject, type Resource } from './resource.js';

export type WatchEvent<T> =
  | { type: 'ADDED' | 'MODIFIED' | 'DELETED'; object: T }
  /** Nothing happened up to this resource version. */
  | { type: 'BOOKMARK'; resourceVersion: string };

export interface WatchHandlers<T> {
  /** The server accepted the watch. */
  opened(): void;
  event(event: WatchEvent<T>): void;
}

export interface WatchLimits {
  /** Without a byte for so long the connection counts as half-open. */
  idleMs: number;
  /** Default WATCH_LINE_BYTES. */
  lineBytes?: number;
}

const CHANGES: ReadonlySet<string> = new Set(['ADDED', 'MODIFIED', 'DELETED']);

function eventOf<T extends ApiObject>(line: string, asked: string): WatchEvent<T> {
  let raw: { type?: string; object?: T & { code?: number } };
  try {
    raw = JSON.parse(line) as typeof raw;
  } catch (error) {
    throw localError(asked, 'BadResponse', 'an event of the watch is no JSON', error);
  }
  const { type, object } = raw;
  if (type === 'ERROR') throw answerError(asked, object?.code ?? 500, JSON.stringify(object), undefined);
  if (type === undefined || !object?.metadata?.resourceVersion) {
    throw localError(asked, 'BadResponse', 'an event of the watch has no type or no resource version');
  }
  if (type === 'BOOKMARK') return { type, resourceVersion: object.metadata.resourceVersion };
  if (!CHANGES.has(type)) throw localError(asked, 'BadResponse', `the watch has an event of unknown type ${type.slice(0, 40)}`);
  return { type: type as 'ADDED' | 'MODIFIED' | 'DELETED', object };
}

/**
 * Resolves when the server ends the watch as agreed. Throws ApiError: 410 when the resource version is too old,
 * `Unreachable` or `Timeout` when the connection broke or went silent, others as the server or the bytes have it.
 */
export async function watchOnce<T extends ApiObject>(
  client: KubernetesClient,
  resource: Resource<T>,
  options: WatchOptions & { signal: AbortSignal },
  handlers: WatchHandlers<T>,
  { idleMs, lineBytes = WATCH_LINE_BYTES }: WatchLimits,
): Promise<void> {
  const asked = `watch ${pathOf(resource, options.namespace)}`;
  const response = await client.watch(resource, options);
  const silent = (): void =>
    void response.destroy(localError(asked, 'Timeout', `nothing arrived for ${idleMs} ms; the connection counts as half-open`));
  const timer = setTimeout(silent, idleMs);
  const aborted = (): void => void response.destroy(localError(asked, 'Aborted', 'given up'));
  options.signal.addEventListener('abort', aborted);
  if (options.signal.aborted) aborted();
  const lines = new LineReader(lineBytes);
  try {
    handlers.opened();
    for await (const chunk of response as AsyncIterable<Buffer>) {
      timer.refresh();
      for (const line of lines.push(chunk)) handlers.event(eventOf<T>(line, asked));
    }
  } catch (error) {
    if (error instanceof ApiError) throw error;
    const reset = (error as NodeJS.ErrnoException).code === 'ECONNRESET';
    throw localError(asked, reset ? 'Unreachable' : 'BadResponse', (error as Error).message, error);
  } finally {
    clearTimeout(timer);
    options.signal.removeEventListener('abort', aborted);
    response.destroy();
  }
}
