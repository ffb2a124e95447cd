import { createHash } from 'node:crypto';
import { IdentityError, launchClaims, mintLaunchToken, mintPersonToken, type LaunchNode } from '@cairn/identity';
import express, { Router } from 'express';
import type { ServiceContext } from '../context.js';
import { verifyAgent } from '../http/authenticate.js';
import { FORM_BYTES, JWKS_SECONDS, LAUNCH_AGE_SECONDS, LAUNCH_SECONDS, PERSON_SECONDS } from '../limits.js';
import { answerOAuthError } from './errors.js';
import { launchOf, renewed, type Subject } from './exchange.js';
import {
  ACCESS_TOKEN_TYPE,
  EXCHANGE,
  OAuthError,
  readExchange,
  RENEW_SCOPE,
  TXN_TOKEN_TYPE,
  type LaunchRequest,
  type PersonRequest,
} from './form.js';
import { naming, verifyPerson, verifySubject } from './subjects.js';

/** RFC 8693 2.2.1. */
interface Answer {
  access_token: string;
  issued_token_type: string;
  token_type: string;
  expires_in: number;
}

function decide(
  context: ServiceContext,
  request: LaunchRequest,
  subject: Subject,
  pod: string,
  agent: Parameters<typeof launchOf>[2],
): LaunchNode {
  if (!request.renew) return launchOf(subject, pod, agent);
  if (subject.kind !== 'launch') throw new OAuthError('invalid_scope', `only a launch token may be exchanged with scope ${RENEW_SCOPE}`);
  return renewed(subject.launch, pod, context.clock() / 1000, LAUNCH_AGE_SECONDS);
}

async function launch(context: ServiceContext, request: LaunchRequest): Promise<Answer> {
  const { workload, agent } = await naming('actor_token', verifyAgent(context, request.actorToken));
  if (workload.standing === 'terminating' && !request.renew) {
    throw new IdentityError(
      'claims',
      `actor_token: pod ${workload.pod.namespace}/${workload.pod.name} is terminating and starts nothing more`,
    );
  }
  const subject = await naming('subject_token', verifySubject(context, request));
  const node = decide(context, request, subject, workload.pod.uid, agent);
  if (context.revocations.list.revokes(node)) throw new IdentityError('revoked', 'the launch, or one above it, was revoked');
  if (!request.renew) await context.records.record({ node, pod: workload.pod, agent: agent.name, policy: agent.policy });
  const seconds = context.options.launchSeconds ?? LAUNCH_SECONDS;
  const terms = { issuer: context.issuer, pod: workload.pod, now: Math.floor(context.clock() / 1000), lifetimeSeconds: seconds };
  const token = await mintLaunchToken(context.keys.current, launchClaims(node, terms));
  context.metrics.exchanges.inc({ result: 'launched' });
  logLaunch(context, node);
  return { access_token: token, issued_token_type: TXN_TOKEN_TYPE, token_type: 'N_A', expires_in: seconds };
}

function logLaunch({ log }: ServiceContext, { launch: { id, chain, depth, path }, root }: LaunchNode): void {
  log({ level: 'info', message: 'launch', launch: id, chain, depth, agent: path.at(-1)!, root: root.name });
}

/** An access token for a person whose own proof cannot be shown again; it never outlives that proof's session. */
async function login(context: ServiceContext, request: PersonRequest): Promise<Answer> {
  const { principal, expires } = await naming('subject_token', verifyPerson(context, request));
  const now = Math.floor(context.clock() / 1000);
  const seconds = Math.min(PERSON_SECONDS, Math.floor(expires) - now);
  if (seconds <= 0) throw new IdentityError('expired', 'subject_token: the login has ended; log in again');
  const token = await mintPersonToken(context.keys.current, principal, { issuer: context.issuer, now, lifetimeSeconds: seconds });
  context.metrics.exchanges.inc({ result: 'logged-in' });
  context.log({ level: 'info', message: 'login', root: principal.name, authn: principal.authn });
  return { access_token: token, issued_token_type: ACCESS_TOKEN_TYPE, token_type: 'Bearer', expires_in: seconds };
}

export function tokenRoutes(context: ServiceContext): Router {
  const router = Router();
  router.post(
    '/oauth2/token',
    express.urlencoded({ extended: false, limit: FORM_BYTES, parameterLimit: 20 }),
    async (request, response) => {
      const asked = readExchange(request.body);
      response.json(asked.requested === 'launch' ? await launch(context, asked) : await login(context, asked));
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
