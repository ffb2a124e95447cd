import { createHash } from 'node:crypto';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { GRANT_TYPE, IdentityError, LAUNCH_TYPE, launchClaims, mintLaunchToken, TokenCache, type LaunchNode } from '@cairn/identity';
import express, { Router, type ErrorRequestHandler } from 'express';
import type { ServiceContext } from '../context.js';
import { verifyAgent, verifyPerson } from '../http/authenticate.js';
import { Problem } from '../http/problem.js';
import { FORM_BYTES, JWKS_SECONDS, LAUNCH_AGE_SECONDS, LAUNCH_SECONDS } from '../limits.js';
import { launchOf, renewed, type Subject } from './exchange.js';
import { EXCHANGE, OAuthError, readExchange, RENEW_SCOPE, TXN_TOKEN_TYPE, type ExchangeRequest } from './form.js';

/** What a `jwt` is, by its own header; verification then holds it to that. */
function kindOf(token: string): 'person' | 'launch' | 'grant' {
  try {
    const { typ } = decodeProtectedHeader(token);
    if (typ === LAUNCH_TYPE) return 'launch';
    return typ === GRANT_TYPE ? 'grant' : 'person';
  } catch {
    throw new IdentityError('malformed', 'the subject_token is not a signed JWT that can be read');
  }
}

async function verifySubject(context: ServiceContext, { subjectToken: token, subjectType }: ExchangeRequest): Promise<Subject> {
  const kind = subjectType === 'jwt' ? kindOf(token) : subjectType;
  if (kind === 'launch') return { kind, launch: await context.launches.verify(token) };
  if (kind === 'grant') return { kind, grant: await context.grants.verify(token), issued: decodeJwt(token).iat! };
  const { principal } = await verifyPerson(context, token);
  return { kind, principal, token: TokenCache.key(token), issued: decodeJwt(token).iat! };
}

/** Says which of the two tokens did not hold. */
function naming<Verified>(parameter: string, verification: Promise<Verified>): Promise<Verified> {
  return verification.catch((error: unknown) => {
    throw error instanceof IdentityError ? new IdentityError(error.code, `${parameter}: ${error.message}`) : error;
  });
}

function decide(
  context: ServiceContext,
  request: ExchangeRequest,
  subject: Subject,
  pod: string,
  agent: Parameters<typeof launchOf>[2],
): LaunchNode {
  if (!request.renew) return launchOf(subject, pod, agent);
  if (subject.kind !== 'launch') throw new OAuthError('invalid_scope', `only a launch token may be exchanged with scope ${RENEW_SCOPE}`);
  return renewed(subject.launch, pod, context.clock() / 1000, LAUNCH_AGE_SECONDS);
}

async function exchange(context: ServiceContext, request: ExchangeRequest): Promise<{ token: string; seconds: number; node: LaunchNode }> {
  const { workload, agent } = await naming('actor_token', verifyAgent(context, request.actorToken));
  const subject = await naming('subject_token', verifySubject(context, request));
  const node = decide(context, request, subject, workload.pod.uid, agent);
  if (context.revocations.list.revokes(node)) throw new IdentityError('revoked', 'the launch, or one above it, was revoked');
  if (!request.renew) await context.records.record({ node, pod: workload.pod, agent: agent.name, policy: agent.policy });
  const seconds = context.options.launchSeconds ?? LAUNCH_SECONDS;
  const terms = { issuer: context.issuer, pod: workload.pod, now: Math.floor(context.clock() / 1000), lifetimeSeconds: seconds };
  return { token: await mintLaunchToken(context.keys.current, launchClaims(node, terms)), seconds, node };
}

/** RFC 8693 2.2.2: a token that is invalid or not acceptable by policy is `invalid_request`. */
function oauthError(error: unknown): OAuthError | undefined {
  if (error instanceof OAuthError) return error;
  if (error instanceof Problem && error.status < 500) return new OAuthError('invalid_request', error.message, error.code);
  if (!(error instanceof IdentityError)) return undefined;
  return new OAuthError(error.code === 'unavailable' ? 'temporarily_unavailable' : 'invalid_request', error.message, error.code);
}

function answerOAuthError(context: ServiceContext): ErrorRequestHandler {
  return (thrown, _request, response, next) => {
    const error = oauthError(thrown);
    if (!error) return next(thrown);
    context.metrics.exchanges.inc({ result: error.error });
    context.log({ level: 'warn', message: 'exchange refused', error: error.error, code: error.code, reason: error.message });
    const status = error.error === 'temporarily_unavailable' ? 503 : 400;
    response.status(status).json({ error: error.error, error_description: error.message, ...(error.code ? { code: error.code } : {}) });
  };
}

export function tokenRoutes(context: ServiceContext): Router {
  const router = Router();
  router.post(
    '/oauth2/token',
    express.urlencoded({ extended: false, limit: FORM_BYTES, parameterLimit: 20 }),
    async (request, response) => {
      const { token, seconds, node } = await exchange(context, readExchange(request.body));
      const { launch, root } = node;
      context.metrics.exchanges.inc({ result: 'launched' });
      context.log({
        level: 'info',
        message: 'launch',
        launch: launch.id,
        chain: launch.chain,
        depth: launch.depth,
        agent: launch.path.at(-1)!,
        root: root.name,
      });
      response.json({ access_token: token, issued_token_type: TXN_TOKEN_TYPE, token_type: 'N_A', expires_in: seconds });
    },
  );
  router.use('/oauth2', answerOAuthError(context));
  router.get('/.well-known/oauth-authorization-server', (_request, response) => {
    response.set('Cache-Control', `public, max-age=${JWKS_SECONDS}`).json({
      issuer: context.issuer,
      token_endpoint: `${context.issuer}/oauth2/token`,
      jwks_uri: `${context.issuer}/.well-known/jwks.json`,
      grant_types_supported: [EXCHANGE],
      response_types_supported: [],
      token_endpoint_auth_methods_supported: ['none'],
      scopes_supported: [RENEW_SCOPE],
    });
  });
  router.get('/.well-known/jwks.json', (request, response) => {
    const text = JSON.stringify(context.keys.jwks());
    const tag = `"${createHash('sha256').update(text).digest('base64url')}"`;
    response.set({ 'Cache-Control': `public, max-age=${JWKS_SECONDS}`, ETag: tag });
    if (request.headers['if-none-match'] === tag) response.status(304).end();
    else response.type('application/jwk-set+json').send(text);
  });
  return router;
}
