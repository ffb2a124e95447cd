import { createServer as createHttpServer, type Server } from 'node:http';
import { createServer as createHttpsServer, Server as HttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Bundle } from '@cairn/crds';
import { mintGrant, type Grant, type Revocation } from '@cairn/identity';
import express, { type Express } from 'express';
import type { Registry } from 'prom-client';
import type { JSONWebKeySet } from 'jose';
import { approvalRoutes } from './approvals/routes.js';
import { BUNDLES, bundleRoutes } from './bundle-routes.js';
import { openContext, type ServiceContext } from './context.js';
import { certificateRoutes } from './certificate-routes.js';
import { evidenceRoutes } from './evidence/routes.js';
import { uncapturedRoutes } from './evidence/uncaptured.js';
import { requestLog, securityHeaders } from './http/basics.js';
import { requestCount } from './http/metrics.js';
import { notFound, problemHandler } from './http/problem.js';
import { CLOSE_GRACE_MS, HEADER_BYTES } from './limits.js';
import type { OperatorServiceOptions } from './options.js';
import { revocationRoutes } from './revocations/routes.js';
import { tokenRoutes } from './tokens/routes.js';

export interface ListenOptions {
  /** 0, the default, takes a free one. */
  port?: number;
  /** Default 127.0.0.1. */
  host?: string;
  /** PEM. */
  tls?: { cert: string; key: string };
}

export interface OperatorService {
  readonly app: Express;
  /** Resolves to the base URL. */
  listen(options?: ListenOptions): Promise<string>;
  /** As bundles carry it. Known once it listens, or from the options' issuer. */
  tokenService(): Bundle['tokenService'];
  jwks(): JSONWebKeySet;
  rotateKeys(): Promise<void>;
  /** To be called when `bundleFor` would answer differently: wakes the sidecars that wait. */
  bundlesChanged(): void;
  /** New connections are served with it; those that are open go on. PEM. */
  renewCertificate(tls: { cert: string; key: string }): void;
  readonly registry: Registry;
  revoke(launch: string, by: string, reason?: string): Promise<Revocation>;
  /** Stamps who created a workload; `id` is unique for the workload. */
  grant(grant: Grant, id: string, lifetimeSeconds: number): Promise<string>;
  /** Answers held requests, closes connections and files. */
  close(): Promise<void>;
}

function createApp(context: ServiceContext): Express {
  const app = express();
  app.disable('x-powered-by').disable('etag').set('query parser', 'simple');
  app.use(requestLog(context.log), requestCount(context.metrics), securityHeaders);
  app.get('/healthz', (_request, response) => void response.type('text/plain').send('ok\n'));
  app.get('/metrics', async (_request, response) => {
    const { registry } = context.metrics;
    response.type(registry.contentType).send(await registry.metrics());
  });
  app.use(
    tokenRoutes(context),
    certificateRoutes(context),
    evidenceRoutes(context),
    uncapturedRoutes(context),
    bundleRoutes(context),
    revocationRoutes(context),
    approvalRoutes(context),
  );
  const failed = (error: unknown): void =>
    context.log({ level: 'error', message: 'failed', error: error instanceof Error ? (error.stack ?? error.message) : 'unknown' });
  return app.use(notFound, problemHandler(failed));
}

function listening(server: Server, { port = 0, host = '127.0.0.1' }: ListenOptions): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    server.once('error', reject).listen(port, host, () => resolve(server.address() as AddressInfo));
  });
}

function urlOf({ address, port, family }: AddressInfo, scheme: string): string {
  return `${scheme}://${family === 'IPv6' ? `[${address}]` : address}:${port}`;
}

/** The control plane that sidecars talk to: token service, streams and witness, bundles, approvals, revocations. */
export async function createOperatorService(options: OperatorServiceOptions): Promise<OperatorService> {
  const context = await openContext(options);
  const app = createApp(context);
  let server: Server | undefined;
  const now = (): number => Math.floor(context.clock() / 1000);
  return {
    app,
    async listen(where = {}) {
      const limits = { maxHeaderSize: HEADER_BYTES };
      server = where.tls ? createHttpsServer({ ...limits, ...where.tls }, app) : createHttpServer(limits, app);
      const url = urlOf(await listening(server, where), where.tls ? 'https' : 'http');
      if (!options.issuer) context.setIssuer(url);
      return url;
    },
    tokenService: () => ({
      issuer: context.issuer,
      jwksUri: `${context.issuer}/.well-known/jwks.json`,
      tokenEndpoint: `${context.issuer}/oauth2/token`,
    }),
    jwks: () => context.keys.jwks(),
    rotateKeys: () => context.keys.rotate(),
    bundlesChanged: () => context.changes.notify(BUNDLES),
    registry: context.metrics.registry,
    renewCertificate: (tls) => void (server instanceof HttpsServer && server.setSecureContext(tls)),
    revoke: (launch, by, reason) => context.revocations.revoke(launch, by, new Date(context.clock()).toISOString(), reason),
    grant: (grant, id, lifetimeSeconds) =>
      mintGrant(context.keys.current, grant, { issuer: context.issuer, id, now: now(), lifetimeSeconds }),
    async close() {
      context.changes.close();
      const closed = new Promise<void>((resolve) => (server ? server.close(() => resolve()) : resolve()));
      server?.closeIdleConnections();
      // Sidecars keep their connections; those that became idle by the answers to held requests would never end.
      const rest = setTimeout(() => server?.closeAllConnections(), CLOSE_GRACE_MS);
      await closed;
      clearTimeout(rest);
      await context.stores.close();
    },
  };
}
