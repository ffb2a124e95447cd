/** The admission webhook over HTTPS. Every replica serves it; nothing is kept between requests. */
import type { RequestListener, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { IdentityError } from '@cairn/identity';
import { LineageRefusal } from '../lineage/index.js';
import { ApprovalRefusal } from '../service/index.js';
import { BodyError, readBody, respond } from './body.js';
import { refused } from './decision.js';
import { CLOSE_GRACE_MS, HEADER_BYTES } from './limits.js';
import { createAdmissionMetrics, type AdmissionMetrics } from './metrics.js';
import type { AdmissionContext, AdmissionOptions } from './options.js';
import { rehearse } from './rehearse.js';
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
  readonly handler: RequestListener;
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

/** A webhook of one path: its name in metrics and logs, and what decides. */
interface Webhook {
  name: string;
  handler: Handler;
}

function webhooks(options: AdmissionContext): ReadonlyMap<string, Webhook> {
  return new Map<string, Webhook>([
    [ADMISSION_PATHS.mutateEnrolled, { name: 'mutate-enrolled', handler: (request) => mutateWorkload(request, true, options) }],
    [ADMISSION_PATHS.mutateAsked, { name: 'mutate-asked', handler: (request) => mutateWorkload(request, false, options) }],
    [ADMISSION_PATHS.mutateResources, { name: 'mutate-resources', handler: (request) => mutateResource(request, options) }],
    [ADMISSION_PATHS.validateEnrolled, { name: 'validate-enrolled', handler: (request) => validatePod(request, options) }],
    [ADMISSION_PATHS.validateResources, { name: 'validate-resources', handler: (request) => validateResource(request, options) }],
  ]);
}

async function review({ name, handler }: Webhook, body: unknown, options: AdmissionContext, metrics: AdmissionMetrics): Promise<string> {
  const request = readReview(body);
  const began = performance.now();
  const decision = await Promise.resolve(request).then(handler).catch(refusalFor);
  metrics.seconds.observe({ webhook: name }, (performance.now() - began) / 1000);
  metrics.decisions.inc({
    webhook: name,
    kind: request.kind.kind,
    decision: decision.allowed ? 'allowed' : 'refused',
    code: decision.code,
  });
  tell(name, request, decision, options);
  return answer(request.uid, decision);
}

const OUR_FAULT = JSON.stringify({ error: 'the admission webhook failed; its log says why' });
const NO_WEBHOOK = JSON.stringify({ error: 'no webhook has this path' });

interface Mistake {
  status: number;
  reason: string;
  message: string;
}

function mistakeOf(thrown: unknown): Mistake | undefined {
  if (thrown instanceof BodyError) return thrown;
  return thrown instanceof ReviewError ? { status: 400, reason: 'review', message: thrown.message } : undefined;
}

/** What is said where a request is no review, or where we failed: then the API server refuses. */
function answerError(path: string, thrown: unknown, response: ServerResponse, options: AdmissionContext, metrics: AdmissionMetrics): void {
  const mistake = mistakeOf(thrown);
  if (mistake) {
    metrics.malformed.inc({ reason: mistake.reason });
    options.log({ level: 'warn', message: 'no AdmissionReview', path, reason: mistake.message });
    return respond(response, mistake.status, JSON.stringify({ error: mistake.message }));
  }
  const error = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
  options.log({ level: 'error', message: 'admission failed', path, error });
  respond(response, 500, OUR_FAULT);
}

function createHandler(options: AdmissionContext): RequestListener {
  const metrics = createAdmissionMetrics(options.registry);
  const served = webhooks(options);
  return (request, response) => {
    // The API server adds ?timeout=10s.
    const path = request.url?.split('?', 1)[0] ?? '';
    const webhook = served.get(path);
    if (!webhook) return respond(response, 404, NO_WEBHOOK);
    readBody(request)
      .then((body) => review(webhook, body, options, metrics))
      .then((said) => respond(response, 200, said))
      .catch((error: unknown) => answerError(path, error, response, options, metrics));
  };
}

function urlOf({ address, port, family }: AddressInfo): string {
  return `https://${family === 'IPv6' ? `[${address}]` : address}:${port}`;
}

export function createAdmissionServer(options: AdmissionOptions): AdmissionServer {
  const clock = options.clock ?? Date.now;
  const context = { ...options, clock, signer: grantSigner(options.keys, options.issuer, clock) };
  const handler = createHandler(context);
  let server: Server | undefined;
  return {
    handler,
    async listen({ host, port, tls }) {
      await rehearse(context);
      const listening = createServer({ ...tls, maxHeaderSize: HEADER_BYTES, minVersion: 'TLSv1.2' }, handler);
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
