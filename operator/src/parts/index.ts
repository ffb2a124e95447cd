/** What the operator consists of, in the order of starting; it is stopped in reverse. */
import { serveAdmin } from '../admin/index.js';
import { startCaches, stopCaches } from '../caches.js';
import { lead } from '../leader.js';
import { webhook } from './admission.js';
import type { Part } from './part.js';
import { tokenService } from './token-service.js';

const admin: Part = async ({ config, metrics, readiness }) => {
  const server = await serveAdmin(config.listen.admin, { registries: metrics.registries, notReady: () => readiness.missing });
  return async () => void server.close();
};

const caches: Part = async (context) => {
  await startCaches(context.caches);
  return () => stopCaches(context.caches);
};

const state: Part = async ({ serving, state: kept }) => {
  await Promise.all([serving.start(), kept.start()]);
  return async () => void (await Promise.all([serving.stop(), kept.stop()]));
};

const ready: Part = async ({ readiness }) => {
  readiness.missing = undefined;
  return async () => void (readiness.missing = 'the operator is stopping');
};

/** Each part: one line. */
export const PARTS: readonly Part[] = [admin, caches, state, tokenService, webhook, lead, ready];
