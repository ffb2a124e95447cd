import { timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type Provider from 'oidc-provider';
import { subjectOf, type OidcUser } from './oidc-configuration.js';

const FORM_BYTES = 4096;
const INTERACTION = /^\/interaction\/[\w-]+$/;

async function readForm(request: IncomingMessage): Promise<URLSearchParams> {
  let text = '';
  for await (const chunk of request.setEncoding('utf8')) {
    text += chunk as string;
    if (text.length > FORM_BYTES) throw new Error('the login form is too large');
  }
  return new URLSearchParams(text);
}

function showForm(response: ServerResponse, status: number, hint: string): void {
  response.writeHead(status, { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' }).end(
    `<!doctype html><title>Sign in</title><h1>Sign in</h1><p>${hint}</p><form method="post" autocomplete="off">
<input name="name" placeholder="alice@example.com" required autofocus><input name="password" type="password" placeholder="password" required>
<button type="submit">Sign in</button></form>`,
  );
}

function passwordHolds(user: OidcUser, given: string): boolean {
  const [expected, actual] = [Buffer.from(user.password ?? 'password'), Buffer.from(given)];
  return expected.length === actual.length && timingSafeEqual(expected, actual);
}

/** Serves the login page of an interaction; false where the request is the provider's own. */
export async function serveLogin(
  provider: Provider,
  users: readonly OidcUser[],
  request: IncomingMessage,
  response: ServerResponse,
): Promise<boolean> {
  if (!INTERACTION.test(new URL(request.url ?? '/', 'http://localhost').pathname)) return false;
  await provider.interactionDetails(request, response);
  if (request.method !== 'POST') {
    showForm(response, 200, 'People of the demo: see its README.');
    return true;
  }
  const form = await readForm(request);
  const user = users.find(({ name }) => name === form.get('name'));
  if (user && passwordHolds(user, form.get('password') ?? '')) {
    // Native clients must show the person something before a code is issued (RFC 8252 8.6): this page is it.
    await provider.interactionFinished(request, response, { login: { accountId: subjectOf(user) }, consent: {} });
  } else {
    showForm(response, 401, 'Name or password is wrong.');
  }
  return true;
}
