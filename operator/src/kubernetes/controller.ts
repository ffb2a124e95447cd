/** Workers over a queue: each key is reconciled until that succeeds. */
import { ApiError } from './api-error.js';
import { Workqueue, type WorkqueueOptions } from './workqueue.js';

export interface ControllerOutcome {
  controller: string;
  result: 'success' | 'error' | 'conflict';
  seconds: number;
}

export interface ControllerOptions extends WorkqueueOptions {
  name: string;
  /** Keys worked on at once. */
  workers: number;
  /**
   * Brings the world to what the key's object wants. Throws to be tried again; returns milliseconds after which to look
   * again, or nothing.
   */
  reconcile(key: string, signal: AbortSignal): Promise<{ afterMs: number } | undefined | void>;
  observe?: (outcome: ControllerOutcome) => void;
  log?: (entry: { level: 'warn' | 'error'; message: string; [field: string]: string | number | undefined }) => void;
}

export interface Controller {
  readonly queue: Workqueue;
  /** Resolves when the last worker has ended, after the signal. */
  run(signal: AbortSignal): Promise<void>;
}

export function createController(options: ControllerOptions): Controller {
  const { name, workers, log, observe } = options;
  const queue = new Workqueue(options);

  const attempt = async (key: string, signal: AbortSignal): Promise<void> => {
    const began = performance.now();
    const seconds = (): number => (performance.now() - began) / 1000;
    try {
      const outcome = await options.reconcile(key, signal);
      queue.forget(key);
      if (outcome) queue.addAfter(key, outcome.afterMs);
      observe?.({ controller: name, result: 'success', seconds: seconds() });
    } catch (error) {
      if (signal.aborted) return;
      // Somebody else wrote first: the next try sees it, nobody has to be told.
      const conflict = error instanceof ApiError && error.reason === 'Conflict';
      observe?.({ controller: name, result: conflict ? 'conflict' : 'error', seconds: seconds() });
      if (!conflict) log?.({ level: 'error', message: error instanceof Error ? error.message : String(error), controller: name, key });
      const wait = error instanceof ApiError ? error.retryAfterSeconds : undefined;
      if (wait === undefined) queue.retry(key);
      else queue.addAfter(key, wait * 1000);
    }
  };

  const work = async (signal: AbortSignal): Promise<void> => {
    for (;;) {
      const key = await queue.take();
      if (key === undefined || signal.aborted) return;
      await attempt(key, signal);
      queue.done(key);
    }
  };

  return {
    queue,
    async run(signal) {
      const close = (): void => queue.close();
      if (signal.aborted) close();
      signal.addEventListener('abort', close);
      await Promise.all(Array.from({ length: workers }, () => work(signal)));
      signal.removeEventListener('abort', close);
    },
  };
}
