/** The admission webhook over HTTPS. Every replica serves it; nothing is kept between requests. */
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { IdentityError } from '@cairn/identity';
import express, { type ErrorRequestHandler, type Express, type RequestHandler } from 'express';
import { LineageRefusal } from '../lineage/index.js';
import { ApprovalRefusal } from '../service/index.js';
import { refused } from './decision.js';
import { CLOSE_GRACE_MS, HEADER_BYTES, REVIEW_BYTES } from './limits.js';
import { createAdmissionMetrics, type AdmissionMetrics } from './metrics.js';
import type { AdmissionContext, AdmissionOptions } from './options.js';
import { grantSigner } from './signer.js';
import { validatePod } from './pods.js';
import { mutateResource, validateResource } from './resources.js';
import { answer, readReview, ReviewError, type AdmissionRequest, type Decision } from './review.js';
import { tell } from './tell.js';
import { mutateWorkload } from './workloads.js';

/** Paths that webhook configurations name. */
export const ADMISSION_PATHS = {
  mutateEnrolled: '/mutate/enrolled',
  mutateAsked: '/mutate/asked',
  mutateResources: '/mutate/resources',
  validateEnrolled: '/validate/enrolled',
  validateResources: '/validate/resources',
} as const;

type Handler = (request: AdmissionRequest) => Decision | Promise<Decision>;

/** PEM. */
export interface ServingCertificate {
  cert: string;
  key: string;
}

export interface AdmissionServer {
  readonly app: Express;
  /** Resolves to the base URL. Port 0 takes a free one. */
  listen(where: { host: string; port: number; tls: ServingCertificate }): Promise<string>;
  /** New connections are served with it; those that are open go on. */
  renewCertificate(tls: ServingCertificate): void;
  /** Answers what is being asked, then closes. */
  close(): Promise<void>;
}

/** Refusals that are somebody's to mend. Everything else is a fault of ours and answered 500, on which the API server refuses. */
function refusalFor(error: unknown): Decision {
  if (error instanceof LineageRefusal) return refused(error.code, error.message);
  if (error instanceof IdentityError && error.code !== 'unavailable') return refused(`grant-${error.code}`, error.message);
  if (error instanceof ApprovalRefusal) return refused(error.code, error.message);
  throw error;
}

function route(webhook: string, handler: Handler, options: AdmissionContext, metrics: AdmissionMetrics): RequestHandler {
  return async (incoming, response) => {
    const request = readReview(incoming.body);
    const began = performance.now();
    const decision = await Promise.resolve(request).then(handler).catch(refusalFor);
    metrics.seconds.observe({ webhook }, (performance.now() - began) / 1000);
    metrics.decisions.inc({ webhook, kind: request.kind.kind, decision: decision.allowed ? 'allowed' : 'refused', code: decision.code });
    tell(webhook, request, decision, options);
    response.json(answer(request.uid, decision));
  };
}

const onlyJson: RequestHandler = (request, response, next) => {
  if (request.is('application/json')) return next();
  response.status(415).json({ error: 'send an AdmissionReview as application/json' });
};

/** body-parser's errors carry the status they stand for. */
function answerError(options: AdmissionContext, metrics: AdmissionMetrics): ErrorRequestHandler {
  return (thrown: Error & { status?: number; type?: string }, request, response, _next) => {
    if (thrown instanceof ReviewError || (thrown.status !== undefined && thrown.status < 500)) {
      const status = thrown instanceof ReviewError ? 400 : thrown.status!;
      const reason = thrown instanceof ReviewError ? 'review' : (thrown.type ?? 'body');
      const message = thrown instanceof ReviewError ? thrown.message : bodyMessage(status);
      metrics.malformed.inc({ reason });
      options.log({ level: 'warn', message: 'no AdmissionReview', path: request.path, reason: message });
      return void response.status(status).json({ error: message });
    }
    options.log({ level: 'error', message: 'admission failed', path: request.path, error: thrown.stack ?? thrown.message });
    response.status(500).json({ error: 'the admission webhook failed; its log says why' });
  };
}

/** Sentences of ours: the parser's repeat a part of the body. */
function bodyMessage(status: number): string {
  return status === 413 ? `the review has more than ${REVIEW_BYTES} bytes` : 'the body is not JSON that can be read';
}

function createApp(options: AdmissionContext): Express {
  const metrics = createAdmissionMetrics(options.registry);
  const app = express();
  app.disable('x-powered-by').disable('etag').set('query parser', 'simple');
  app.use(onlyJson, express.json({ limit: REVIEW_BYTES, strict: true }));
  const post = (path: string, webhook: string, handler: Handler): void => void app.post(path, route(webhook, handler, options, metrics));
  post(ADMISSION_PATHS.mutateEnrolled, 'mutate-enrolled', (request) => mutateWorkload(request, true, options));
  post(ADMISSION_PATHS.mutateAsked, 'mutate-asked', (request) => mutateWorkload(request, false, options));
  post(ADMISSION_PATHS.mutateResources, 'mutate-resources', (request) => mutateResource(request, options));
  post(ADMISSION_PATHS.validateEnrolled, 'validate-enrolled', (request) => validatePod(request, options));
  post(ADMISSION_PATHS.validateResources, 'validate-resources', (request) => validateResource(request, options));
  app.use((_request, response) => void response.status(404).json({ error: 'no webhook has this path' }));
  return app.use(answerError(options, metrics));
}

function urlOf({ address, port, family }: AddressInfo): string {
  return `https://${family === 'IPv6' ? `[${address}]` : address}:${port}`;
}

export function createAdmissionServer(options: AdmissionOptions): AdmissionServer {
  const clock = options.clock ?? Date.now;
  const app = createApp({ ...options, clock, signer: grantSigner(options.keys, options.issuer, clock) });
  let server: Server | undefined;
  return {
    app,
    async listen({ host, port, tls }) {
      const listening = createServer({ ...tls, maxHeaderSize: HEADER_BYTES, minVersion: 'TLSv1.2' }, app);
      server = listening;
      await new Promise<void>((resolve, reject) => listening.once('error', reject).listen(port, host, resolve));
      return urlOf(listening.address() as AddressInfo);
    },
    renewCertificate: (tls) => server?.setSecureContext({ ...tls, minVersion: 'TLSv1.2' }),
    async close() {
      const closed = new Promise<void>((resolve) => (server ? server.close(() => resolve()) : resolve()));
      server?.closeIdleConnections();
      const rest = setTimeout(() => server?.closeAllConnections(), CLOSE_GRACE_MS);
      await closed;
      clearTimeout(rest);
    },
  };
}
